use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Expression, Item, Scope, TaskScope, Template};
use crate::failure::Outcome;
use crate::id::TaskId;

fn scope() -> Scope {
    let task = |outcome, output| TaskScope { outcome: Some(outcome), output, failure: None };
    let id = |text| TaskId::new(text).expect("a task id");
    Scope {
        input: json!({
            "n": 3, "big": u64::MAX, "half": 0.5, "text": "héllo", "nothing": null, "yes": true,
            "list": [1, 2, 3], "issues": [{"title": "a", "open": true}, {"title": "b", "open": false}],
            "odd key": {"x-y": 1},
        }),
        tasks: BTreeMap::from([
            (
                id("classify"),
                task(Outcome::Succeeded, Some(json!({"label": "bug", "confidence": 0.9}))),
            ),
            (id("skipped"), task(Outcome::Skipped, None)),
            (
                id("failed"),
                TaskScope {
                    outcome: Some(Outcome::Failed),
                    output: None,
                    failure: Some(json!({"code": "busy", "message": "no room"})),
                },
            ),
        ]),
        run: json!({"id": "r1", "workflow": "w", "version": "1.0.0"}),
        item: Some(Item::new(7, json!({"name": "x"}))),
        items: BTreeMap::from([(id("days"), Item::new(2, json!("monday")))]),
        context: json!({"team": "core"}),
        config: json!({"region": "eu"}),
        ..Scope::default()
    }
}

fn value_of(template: &Value) -> String {
    match Template::parse(template) {
        Err(errors) => {
            let print =
                |error: &super::TemplateError| format!("{}: {}", error.error.offset, error.error);
            errors.iter().map(print).collect::<Vec<_>>().join("\n")
        }
        Ok(template) => match template.evaluate(&scope()) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        },
    }
}

/// Evaluates each line as an expression, and shows what comes of it.
fn check(lines: &str, expected: Expect) {
    let show = |line: &str| format!("{line}\n    {}\n", value_of(&json!(format!("${{{line}}}"))));
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    expected.assert_eq(&lines.map(show).collect::<String>());
}

#[test]
fn paths_are_looked_up() {
    check(
        r#"
        input.n
        input.big
        input["odd key"]["x-y"]
        input.issues[1].title
        tasks.classify.output.label
        tasks["classify"].output
        tasks.skipped.outcome
        run.id
        "#,
        expect![[r#"
            input.n
                3
            input.big
                18446744073709551615
            input["odd key"]["x-y"]
                1
            input.issues[1].title
                "b"
            tasks.classify.output.label
                "bug"
            tasks["classify"].output
                {"confidence":0.9,"label":"bug"}
            tasks.skipped.outcome
                "skipped"
            run.id
                "r1"
        "#]],
    );
}

#[test]
fn names_besides_tasks_and_input_are_looked_up() {
    check(
        r#"
        item.name + " " + string(index)
        items.days
        indexes.days * 10 + index
        items.weeks
        tasks.failed.failure.code
        tasks.classify.failure == null
        tasks.failed.output
        context.team
        config["region"]
        params.x
        event
        items
        index.x
        "#,
        expect![[r#"
            item.name + " " + string(index)
                "x 7"
            items.days
                "monday"
            indexes.days * 10 + index
                27
            items.weeks
                in `${items.weeks}`: no item of `weeks` is in scope
            tasks.failed.failure.code
                "busy"
            tasks.classify.failure == null
                true
            tasks.failed.output
                in `${tasks.failed.output}`: task `failed` has no output: its outcome is failed
            context.team
                "core"
            config["region"]
                "eu"
            params.x
                in `${params.x}`: no key `x` in params: it is null
            event
                null
            items
                2: `items` needs the id of a group with `for_each`; write `items.<id>`, with the id itself
            index.x
                in `${index.x}`: no key `x` in index: it is a number
        "#]],
    );
}

#[test]
fn references_tell_every_name() {
    let references = |text: &str| Expression::parse(text).expect("sound").references().clone();
    let all = references(
        "[item, index, items.a, indexes.b, context, config, event, params, run.id, run.failure]",
    );
    assert!(all.item && all.index && all.context && all.config && all.event && all.params);
    assert!(all.run && all.run_end && !all.input && all.tasks.is_empty());
    assert_eq!(all.loops.iter().map(TaskId::as_str).collect::<Vec<_>>(), ["a", "b"]);
    assert!(!references("run.id").run_end);
    assert!(!references("[1].all(item, item > 0)").item);
}

#[test]
fn cel_computes() {
    check(
        r#"
        input.n + 1
        input.half * 2.0
        input.big
        input.text + "!"
        size(input.text)
        input.list.map(x, x * input.n)
        input.issues.filter(i, i.open).map(i, i.title)
        input.issues.exists(i, i.title == "b")
        input.list.all(x, x in [1, 2, 3, 4])
        input.list.map(x, input.list.map(y, x * y))
        tasks.classify.output.confidence > 0.8 ? "sure" : "unsure"
        has(input.missing) ? input.missing : "default"
        has(tasks.skipped.output)
        has(tasks.classify.output.label)
        input.?missing.orValue(7)
        optional.none()
        {"a": [input.n, null], "b": {}}
        type(input.n) == int
        b"hi"
        7u
        "}" + '}'
        input.list[input.n - 1]
        input.nothing
        tasks.classify.outcome == "succeeded" && input.yes
        "#,
        expect![[r#"
            input.n + 1
                4
            input.half * 2.0
                1.0
            input.big
                18446744073709551615
            input.text + "!"
                "héllo!"
            size(input.text)
                5
            input.list.map(x, x * input.n)
                [3,6,9]
            input.issues.filter(i, i.open).map(i, i.title)
                ["a"]
            input.issues.exists(i, i.title == "b")
                true
            input.list.all(x, x in [1, 2, 3, 4])
                true
            input.list.map(x, input.list.map(y, x * y))
                [[1,2,3],[2,4,6],[3,6,9]]
            tasks.classify.output.confidence > 0.8 ? "sure" : "unsure"
                "sure"
            has(input.missing) ? input.missing : "default"
                "default"
            has(tasks.skipped.output)
                false
            has(tasks.classify.output.label)
                true
            input.?missing.orValue(7)
                7
            optional.none()
                null
            {"a": [input.n, null], "b": {}}
                {"a":[3,null],"b":{}}
            type(input.n) == int
                true
            b"hi"
                "aGk="
            7u
                7
            "}" + '}'
                "}}"
            input.list[input.n - 1]
                3
            input.nothing
                null
            tasks.classify.outcome == "succeeded" && input.yes
                true
        "#]],
    );
}

#[test]
fn errors_at_evaluation_name_the_expression_and_the_types() {
    check(
        r#"
        tasks.classify.output.lable
        tasks.classify.output.lable + "x"
        tasks.skipped.output
        tasks.other.output
        input.list[7]
        input.n.x
        input.list.x
        input.nothing.x
        tasks.classify.outcome.x
        input.n + input.text
        input.n + 0.5
        input.list[input.n]
        input.issues.map(i, i.titel)
        input.n / 0
        9223372036854775807 + input.n
        0.0 / 0.0
        {1: 2}
        size(input.n)
        input.n ? 1 : 2
        has(input.n.x)
        int
        type(int)
        "#,
        expect![[r#"
            tasks.classify.output.lable
                in `${tasks.classify.output.lable}`: no such key `lable` in tasks.classify.output (object with keys: confidence, label); did you mean `label`?
            tasks.classify.output.lable + "x"
                in `${tasks.classify.output.lable + "x"}`: no such key `lable` in tasks.classify.output (object with keys: confidence, label); did you mean `label`?
            tasks.skipped.output
                in `${tasks.skipped.output}`: task `skipped` has no output: its outcome is skipped
            tasks.other.output
                in `${tasks.other.output}`: task `other` is not in scope
            input.list[7]
                in `${input.list[7]}`: no item 7 in input.list (list of 3)
            input.n.x
                in `${input.n.x}`: no key `x` in input.n: it is a number
            input.list.x
                in `${input.list.x}`: no key `x` in input.list: it is a list
            input.nothing.x
                in `${input.nothing.x}`: no key `x` in input.nothing: it is null
            tasks.classify.outcome.x
                in `${tasks.classify.outcome.x}`: no key `x` in tasks.classify.outcome: it is a string
            input.n + input.text
                in `${input.n + input.text}`: `+` does not take (int, string)
            input.n + 0.5
                in `${input.n + 0.5}`: `+` does not take (int, double)
            input.list[input.n]
                in `${input.list[input.n]}`: no item 3 in the list
            input.issues.map(i, i.titel)
                in `${input.issues.map(i, i.titel)}`: no such key `titel`
            input.n / 0
                in `${input.n / 0}`: division by zero
            9223372036854775807 + input.n
                in `${9223372036854775807 + input.n}`: the result of `+` does not fit into 64 bits
            0.0 / 0.0
                in `${0.0 / 0.0}`: NaN has no JSON form
            {1: 2}
                in `${{1: 2}}`: a map whose keys are not all strings has no JSON form
            size(input.n)
                in `${size(input.n)}`: `size` does not take (int)
            input.n ? 1 : 2
                in `${input.n ? 1 : 2}`: a value of type int stands where bool is needed
            has(input.n.x)
                in `${has(input.n.x)}`: `has` asks for a key of input.n, which is a number
            int
                2: unknown name `int`; names are `input`, `tasks.<id>`, `run`, `item`, `index`, `context` and `config`
            type(int)
                "type"
        "#]],
    );
}

#[test]
fn wrong_expressions_are_refused_when_parsed() {
    check(
        r#"
        inptu.n
        input.n + inptu.n
        tasks
        tasks.classify
        tasks.classify.result
        tasks[input.n].output
        tasks["Bad Id"].output
        run.ids
        run.started
        input.n +
        input..n
        1 2
        sizes(input.list)
        input.text.matches("a")
        [1].map(x, [1].map(y, [1].map(z, z)))
        [1].map(x, y)
        Message{a: 1}
        input.n = 3
        'open
        "#,
        expect![[r#"
            inptu.n
                2: unknown name `inptu`; did you mean `input`?
            input.n + inptu.n
                12: unknown name `inptu`; did you mean `input`?
            tasks
                2: `tasks` needs the id of a task; write `tasks.<id>.output`, with the id itself
            tasks.classify
                2: `tasks.classify` is no value; write `tasks.classify.output`, `tasks.classify.outcome` or `tasks.classify.failure`
            tasks.classify.result
                2: `tasks.classify` has no `result`; write `tasks.classify.output`, `tasks.classify.outcome` or `tasks.classify.failure`
            tasks[input.n].output
                2: `tasks` needs the id of a task; write `tasks.<id>.output`, with the id itself
            tasks["Bad Id"].output
                2: `Bad Id` is no task id: it must be lower-case letters, digits and `_`, beginning with a letter, of at most 128 bytes
            run.ids
                2: `run` has no `ids`; did you mean `run.id`?
            run.started
                2: `run` has no `started`; it has `run.id`, `run.workflow`, `run.version` and `run.started_at`
            input.n +
                11: this is no CEL: it ends too early
            input..n
                8: this is no CEL: unexpected '..'
            1 2
                4: this is no CEL: unexpected '2'
            sizes(input.list)
                7: unknown function `sizes`; did you mean `size`?
            input.text.matches("a")
                20: unknown function `matches`
            [1].map(x, [1].map(y, [1].map(z, z)))
                31: comprehensions are nested too deeply; the most is 2 in each other
            [1].map(x, y)
                13: unknown name `y`; names are `input`, `tasks.<id>`, `run`, `item`, `index`, `context` and `config`
            Message{a: 1}
                9: there are no message types here; write a map: `{"key": value}`
            input.n = 3
                10: this is no CEL: unexpected '= '
            'open
                2: a string is not closed
        "#]],
    );
}

#[test]
fn strings_mix_text_and_values() {
    let show = |text: &str| format!("{text} => {}\n", value_of(&json!(text)));
    let shown: String = [
        "plain $ text",
        "n=${input.n}, list=${input.list}, null=${input.nothing}, text=${input.text}",
        "$${input.n} costs $5",
        "$$${input.n}",
        "${input.n}",
        " ${input.n}",
        "${ {'a': '}'} }",
        "${input.n",
        "${}",
        "${inptu} and ${tsks}",
    ]
    .into_iter()
    .map(show)
    .collect();
    expect![[r#"
        plain $ text => "plain $ text"
        n=${input.n}, list=${input.list}, null=${input.nothing}, text=${input.text} => "n=3, list=[1,2,3], null=null, text=héllo"
        $${input.n} costs $5 => "${input.n} costs $5"
        $$${input.n} => "$${input.n}"
        ${input.n} => 3
         ${input.n} => " 3"
        ${ {'a': '}'} } => {"a":"}"}
        ${input.n => 2: `${` is not closed by `}`
        ${} => 2: this is no CEL: it ends too early
        ${inptu} and ${tsks} => 2: unknown name `inptu`; did you mean `input`?
        15: unknown name `tsks`; did you mean `tasks`?
    "#]].assert_eq(&shown);
}

#[test]
fn a_comprehensions_variable_is_no_name_in_scope() {
    let expression = Expression::parse("[1, 2].map(input, input + size(tasks.a.output))")
        .expect("an expression");
    assert!(!expression.references().input);
    assert_eq!(expression.references().tasks.len(), 1);
    let template = json!({"a": "${[1].map(tasks, tasks + input.n)}", "b": "${tasks['b'].outcome}"});
    let references = Template::parse(&template).expect("a template").references().clone();
    assert!(references.input);
    assert_eq!(references.tasks.iter().map(TaskId::as_str).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_template_keeps_its_shape() {
    let template = json!({"a": ["x", "${input.n}", {"b": "$${y}"}], "c": {"d": "$${z}"}, "e": 1.5});
    assert_eq!(
        value_of(&template),
        json!({"a": ["x", 3, {"b": "${y}"}], "c": {"d": "${z}"}, "e": 1.5}).to_string()
    );
    let constant = json!({"a": ["$${y}"]});
    let constant = Template::parse(&constant).expect("a template");
    assert_eq!(constant.as_constant(), Some(&json!({"a": ["${y}"]})));
}

#[test]
fn what_costs_too_much_is_an_error_and_not_a_long_wait() {
    let words: Vec<_> = (0..3_000).map(|n| format!("word {n:0100}")).collect();
    let numbers: Vec<_> = (0..20_000).collect();
    let scope = Scope {
        input: json!({"words": words, "numbers": numbers, "text": "x".repeat(3_000_000)}),
        ..Scope::default()
    };
    let doubled = format!("[input.text]{}", ".map(x, x + x)".repeat(12));
    let sum = ["input.text"; 40].join(" + ");
    for text in [
        "input.numbers.map(x, input.numbers.map(y, x * y))",
        "input.numbers.exists(x, input.numbers.exists(y, x + y < 0))",
        "input.numbers.all(x, input.numbers.all(y, x + y >= 0))",
        "input.numbers.filter(x, input.numbers.exists_one(y, x == y))",
        "input.words.map(x, input.words)",
        "input.words.filter(x, input.words.filter(y, x in input.words))",
        "input.numbers.map(x, input.text)",
        "input.numbers.map(x, {'a': input.text})",
        "[input.text].map(t, input.numbers.map(x, t == t))",
        "input.numbers.exists(x, input.text == '') || true",
        &doubled,
        &sum,
    ] {
        let started = Instant::now();
        let expression = Expression::parse(text).expect("an expression");
        let error = expression.evaluate(&scope).expect_err(text);
        assert!(error.to_string().contains("too much"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(60), "{text}: {:?}", started.elapsed());
    }
    let fine = "input.words.filter(x, x in input.words.filter(y, y.endsWith('7')) || true).size()";
    let _ = Expression::parse(fine).expect("an expression").evaluate(&scope);
    let fine = Expression::parse("input.numbers.filter(x, x % 2 == 0).size()").expect("parses");
    assert_eq!(fine.evaluate(&scope), Ok(json!(10_000)));
}

#[test]
fn deep_and_long_expressions_do_not_overflow_a_small_stack() {
    let texts = [
        format!("{}1{}", "(".repeat(24), ")".repeat(24)),
        format!("{}1{}", "[".repeat(24), "]".repeat(24)),
        format!("{}1{}", "(".repeat(2_000), ")".repeat(2_000)),
        format!("{}1", "-".repeat(128)),
        format!("{}true", "!".repeat(128)),
        format!("1{}", "+1".repeat(128)),
        format!("1{}", "*1".repeat(128)),
        format!("true{}", "&&true".repeat(64)),
        format!("1{}", "?1:1".repeat(128)),
        format!("{}1{}", "true?".repeat(100), ":1".repeat(100)),
        format!("input{}", ".a".repeat(2_000)),
        format!("input{}", "[0]".repeat(1_300)),
        format!("input{}", ".f()".repeat(1_000)),
        format!("input{}", ".size()".repeat(500)),
        format!("x{}", "{a:".repeat(24)),
        format!("[{}]", "1,".repeat(2_000)),
        format!("1{}", " in 1".repeat(800)),
        "1 ".repeat(2_000),
        ".".repeat(4_000),
        "{".repeat(4_000),
    ];
    let check = move || {
        for text in &texts {
            if let Ok(expression) = Expression::parse(text) {
                let _ = expression.evaluate(&scope());
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(check);
    thread.expect("a thread").join().expect("no overflow");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        if let Ok(template) = Template::parse(&Value::from(text)) {
            let _ = template.evaluate(&scope());
        }
    }

    #[test]
    fn no_expression_makes_it_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "input", ".n", ".list", "[0]", "tasks.classify.output", ".label", "run", ".id",
                " + ", " - ", " == ", " && ", " || ", " ? ", " : ", "(", ")", "[", "]", "{", "}",
                ", ", "'a'", "\"}\"", "1", "2.5", "7u", "true", "null", "!", "-", ".map(x, x)",
                ".filter(x, ", ".exists(x, ", "x", "size(", "has(", " in ", "é", "\\", "b'x'",
            ]),
            0..24,
        )
    ) {
        let text = parts.concat();
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate(&scope());
        }
        let _ = Template::parse(&Value::from(format!("a ${{{text}}} b")));
    }
}

#[test]
fn a_failure_tells_its_place_and_the_types_of_the_values() {
    let value = json!({ "values": { "odd key": ["x", "n=${input.n + input.text}"] } });
    let template = Template::parse(&value).expect("a template");
    let error = template.evaluate(&scope()).expect_err("it cannot be added");
    assert_eq!(error.place("input"), r#"input.values["odd key"][1]"#);
    assert_eq!(error.expression.as_deref(), Some("input.n + input.text"));
    let types = [("input.n", "a number"), ("input.text", "a string")];
    assert_eq!(error.types, types.map(|(path, kind)| (path.to_owned(), kind)));
    let bare = Expression::parse("tasks.skipped.output.x").expect("an expression");
    let error = bare.evaluate(&scope()).expect_err("it is not there");
    assert_eq!(error.place("run_if"), "run_if");
    assert_eq!(error.types, [("tasks.skipped.output.x".to_owned(), "nothing")]);
}
