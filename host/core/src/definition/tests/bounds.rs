//! Large, deep and hostile texts.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::template::read_template;
use super::super::{Reading, read};
use super::{known_types, print};
use crate::workflow::NodeIndex;

/// How long it takes is measured by the benchmark B6; a search for each task among all would take minutes.
#[test]
fn a_hundred_thousand_tasks_are_read() {
    let mut source = String::from("id = \"w\"\nversion = \"1.0.0\"\n");
    for n in 0..100_000_usize {
        let before = n.saturating_sub(1);
        write!(
            source,
            "[[tasks]]\nid = \"t{n}\"\ntype = \"http.get\"\ninput = {{ a = \"${{input.x}}\", b = \"${{{}}}\" }}\n",
            if n == 0 { "run.id".to_owned() } else { format!("tasks.t{before}.output.b") }
        )
        .expect("a string takes all");
    }
    let Reading { definition, problems } = read("w.toml", &source);
    assert_eq!(print(&problems), "");
    let types = known_types();
    let definition = definition.expect("it has no problems");
    assert!(definition.check_types(&types.iter().collect()).is_empty());
    assert_eq!(definition.workflow.graph.depth(NodeIndex::new(0)), 100_000);

    // Every reference wrong: as many problems as are told at most.
    let broken = source.replace("tasks.t", "tasks.x");
    let problems = read("w.toml", &broken).problems;
    assert!(problems.len() <= crate::document::PROBLEMS_MAX + 1);
}

#[test]
fn nesting_does_not_overflow_a_small_stack() {
    let inline = |depth: usize| format!("{}1{}", "{ a = ".repeat(depth), " }".repeat(depth));
    let dotted = vec!["a"; 79].join(".");
    let product = format!("{}1{}", format!("{{ {dotted} = ").repeat(79), " }".repeat(79));
    let sources = [
        format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", inline(10_000)),
        format!("{} = 1", vec!["a"; 100_000].join(".")),
        format!("[{}]", vec!["a"; 100_000].join(".")),
        format!("input = {product}"),
        format!("[{dotted}]\n{dotted} = {product}"),
    ];
    let check = move || {
        for source in &sources {
            assert!(!read("w.toml", source).problems.is_empty());
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(check);
    thread.expect("a thread").join().expect("no overflow");
}

#[test]
fn a_large_broken_text_costs_no_more_than_a_large_sound_one() {
    for garbage in [
        "=".repeat(4 << 20),
        "[[\n".repeat(1 << 20),
        "a = \"\n".repeat(40_000),
        "é".repeat(1 << 20),
    ] {
        let started = Instant::now();
        assert!(!read("w.toml", &garbage).problems.is_empty());
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    }
    let large = format!("#{}", "x".repeat(crate::document::SOURCE_BYTES_MAX));
    assert_eq!(read("w.toml", &large).problems[0].code, "too-large");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "(?s).{0,300}") {
        let Reading { definition, problems } = read("w.toml", &source);
        prop_assert_eq!(definition.is_some(), problems.is_empty());
    }

    #[test]
    fn no_file_makes_it_panic(lines in prop::collection::vec(
        prop::sample::select(vec![
            "id = \"w\"", "version = \"1.0.0\"", "[[tasks]]", "id = \"a\"", "id = \"b\"",
            "type = \"a.b\"", "needs = [\"a\"]", "needs = [\"b\", 3]", "input = \"${input.x}\"",
            "input = { a = \"${tasks.b.output}\" }", "[input]", "type = \"object\"",
            "additionalProperties = false", "properties.x = {}", "[config]", "timeout = \"1s\"",
            "[tasks.retry]", "[tasks.retry]", "max = \"1s\"", "tasks = 3", "[tasks]", "[defaults]",
            "kind = \"branch\"", "condition = \"tasks.b.output\"", "[[tasks.then]]", "[[tasks.else]]",
            "kind = \"parallel\"", "for_each = \"item\"", "[[tasks.tasks]]", "[[tasks.tasks.tasks]]",
            "id = \"c\"", "merge = { strategy = \"reduce\", type = \"a.b\" }", "kind = \"group\"",
            "[tasks.compensate]", "[[finally]]", "run_if = \"run.outcome == tasks.c.outcome\"",
            "kind = \"switch\"", "on = \"items.a\"", "[[tasks.cases]]", "[[tasks.cases.tasks]]",
            "equals = 1", "output = \"${tasks.c.output}\"", "[[triggers]]", "kind = \"cron\"",
            "schedule = \"* * * * *\"", "input = \"${event}\"", "kind = \"wait\"", "for = \"1s\"",
            "[params]", "needs = [\"c\", \"a\"]",
            "output = \"${tasks.a.output\"", "x = [", "]", "é = \"é ${é}\"", "\"\" = {}", "\u{0}",
        ]),
        0..20,
    )) {
        let source = lines.join("\n");
        let Reading { definition, problems } = read("w.toml", &source);
        prop_assert_eq!(definition.is_some(), problems.is_empty());
        for problem in &problems {
            prop_assert!(problem.line >= 1 && problem.column >= 1);
        }
        read_template("w.toml", &source);
        if let Some(definition) = definition {
            let types = known_types();
            definition.check_types(&types.iter().collect());
        }
    }
}
