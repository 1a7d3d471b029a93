use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::{Document, PROBLEMS_MAX, Problem, Step, Table, suggest};

/// Reads a source and shows everything that is wrong with it.
fn check(source: &str, read: impl FnOnce(&mut Table<'_>), expected: Expect) {
    let document = Document::parse("a.toml", source);
    let mut root = document.root();
    read(&mut root);
    root.finish();
    let text: String = document.problems().iter().map(|problem| format!("{problem}\n")).collect();
    expected.assert_eq(&text);
}

#[test]
fn every_getter_reads_its_kind() {
    let source = r#"
string = "é"
choice = "b"
boolean = true
integer = 0x1F
float = 2
duration = "90s"
bytes = "8KB"
plain = 10
strings = ["a", "b"]
json = { a = [1, 2.5, "x", true] }
[table]
inner = 1
[[tables]]
n = 1
[[tables]]
n = 2
"#;
    let document = Document::parse("a.toml", source);
    let mut root = document.root();
    assert_eq!(root.string("string").as_deref(), Some("é"));
    assert_eq!(root.choice("choice", &[("a", 1), ("b", 2)]), Some(2));
    assert_eq!(root.boolean("boolean"), Some(true));
    assert_eq!(root.integer("integer", 0..=31), Some(31));
    assert_eq!(root.float("float", 0.0..=2.0), Some(2.0));
    let day = Duration::from_secs(86_400);
    assert_eq!(root.duration("duration", Duration::ZERO..=day), Some(Duration::from_secs(90)));
    assert_eq!(root.bytes("bytes", 0..=8_000), Some(8_000));
    assert_eq!(root.bytes("plain", 0..=8_000), Some(10));
    assert_eq!(root.strings("strings"), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(root.json("json"), Some(json!({"a": [1, 2.5, "x", true]})));
    let mut table = root.table("table").expect("it is there");
    assert_eq!(table.integer("inner", 0..=1), Some(1));
    assert_eq!(table.path(), "table");
    table.finish();
    for (n, mut table) in (1..).zip(root.tables("tables")) {
        assert_eq!(table.integer("n", 0..=9), Some(n));
        table.finish();
    }
    assert_eq!(root.string("absent"), None);
    root.finish();
    assert_eq!(document.problems(), []);
}

#[test]
fn every_getter_says_what_it_expected() {
    check(
        r#"
string = 1
parsed = "x"
choice = "bluu"
other = "x"
boolean = "true"
integer = 99
huge = 99999999999999999999
float = nan
duration = 5
late = "400d"
odd = "5 minutes"
bytes = "12 parsecs"
large = "3MiB"
negative = -1
strings = ["a", 1, [2]]
table = []
tables = [{}, 1]
one = { a = 1 }
json = { at = [1979-05-27, 07:32:00], n = inf }
"#,
        |root| {
            let second = Duration::from_secs(1);
            root.string("string");
            root.parsed::<u8>("parsed");
            root.choice("choice", &[("red", 1), ("blue", 2)]);
            root.choice("other", &[("red", 1), ("blue", 2)]);
            root.boolean("boolean");
            root.integer("integer", 1..=9);
            root.integer("huge", 1..=9);
            root.float("float", 0.0..=1.0);
            root.duration("duration", second..=second);
            root.duration("late", second..=second * 60);
            root.duration("odd", second..=second);
            root.bytes("bytes", 0..=1);
            root.bytes("large", 1..=1 << 20);
            root.bytes("negative", 0..=1);
            root.strings("strings");
            assert!(root.table("table").is_none());
            assert_eq!(root.tables("tables").len(), 1);
            assert_eq!(root.tables("one").len(), 0);
            root.json("json");
        },
        expect![[r#"
            a.toml:2:10: string: a string is expected, not a whole number
            a.toml:3:10: parsed: `x`: invalid digit found in string
            a.toml:4:10: choice: unknown value `bluu`; did you mean `blue`?
            a.toml:5:9: other: unknown value `x`; it must be one of `red`, `blue`
            a.toml:6:11: boolean: true or false is expected, not a string
            a.toml:7:11: integer: 99 is out of range; it must be from 1 to 9
            a.toml:8:8: huge: 99999999999999999999 is out of range; it must be from 1 to 9
            a.toml:9:9: float: nan is out of range; it must be from 0 to 1
            a.toml:10:12: duration: a duration is expected, not a whole number; write a number and one of `ms`, `s`, `m`, `h`, `d`, such as "250ms" or "1m"
            a.toml:11:8: late: 400d is out of range; it must be from 1s to 1m
            a.toml:12:7: odd: `5 minutes` is no duration; write a number and one of `ms`, `s`, `m`, `h`, `d`, such as "250ms" or "1m"
            a.toml:13:9: bytes: `12 parsecs` is no size; write bytes as a number, or a number and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as "64MiB"
            a.toml:14:9: large: 3MiB is out of range; it must be from 1B to 1MiB
            a.toml:15:12: negative: -1 is out of range; it must be from 0B to 1B
            a.toml:16:17: strings[1]: a string is expected, not a whole number
            a.toml:16:20: strings[2]: a string is expected, not a list
            a.toml:17:9: table: a table is expected, not a list
            a.toml:18:15: tables[1]: a table is expected, not a whole number
            a.toml:19:7: one: a list of tables is expected, not a table
            a.toml:20:16: json: 1979-05-27 is a TOML date or time, which JSON has not; put it into quotes
            a.toml:20:28: json: 07:32:00 is a TOML date or time, which JSON has not; put it into quotes
            a.toml:20:43: json: inf is no JSON number
        "#]],
    );
}

#[test]
fn unknown_and_missing_keys_have_their_place() {
    check(
        "[a]\nknwon = 1\n\"odd key\" = 2\nb.c = 3\n\"\" = 4\n",
        |root| {
            root.require(&["z"]);
            let mut table = root.table("a").expect("it is there");
            table.require(&["id"]);
            table.string("id");
            table.boolean("known");
            table.finish();
        },
        expect![[r#"
            a.toml:1:1: z: is missing
            a.toml:1:1: a.id: is missing
            a.toml:2:1: a.knwon: unknown key `knwon`; did you mean `known`?
            a.toml:3:1: a."odd key": unknown key `odd key`; known: `id`, `known`
            a.toml:4:1: a.b: unknown key `b`; known: `id`, `known`
            a.toml:5:1: a."": unknown key ``; known: `id`, `known`
        "#]],
    );
}

#[test]
fn a_problem_can_be_put_anywhere() {
    let source = "list = [\"é\", { deep = \"one ${two}\" }, \"\\t${x}\"]\n[[t]]\n[[t]]\na = 1\n";
    check(
        source,
        |root| {
            let list = Step::Key("list");
            let note = |path: &[Step<'_>]| root.report(path, "test", "here", None);
            note(&[]);
            note(&[list]);
            note(&[list, Step::Item(1)]);
            note(&[list, Step::Item(1), Step::Key("deep"), Step::Byte(4)]);
            note(&[list, Step::Item(2), Step::Byte(1)]);
            note(&[list, Step::Item(7)]);
            note(&[Step::Key("t"), Step::Item(1)]);
            note(&[Step::Key("t"), Step::Item(1), Step::Key("a")]);
            note(&[Step::Key("nowhere"), Step::Item(1)]);
            root.strings("list");
            root.tables("t").into_iter().for_each(|mut table| {
                table.json("a");
                table.finish();
            });
        },
        expect![[r#"
            a.toml:1:1: here
            a.toml:1:1: nowhere[1]: here
            a.toml:1:8: list: here
            a.toml:1:8: list[7]: here
            a.toml:1:14: list[1]: here
            a.toml:1:14: list[1]: a string is expected, not a table
            a.toml:1:28: list[1].deep: here
            a.toml:1:39: list[2]: here
            a.toml:3:1: t[1]: here
            a.toml:4:5: t[1].a: here
        "#]],
    );
}

#[test]
fn a_broken_text_is_read_as_far_as_it_can_be() {
    check(
        "a = 1\nb = [1, 2\nc = \"x\ny = tru\n[t\nd = 3\n",
        |root| {
            root.require(&["missing"]);
            root.string("a");
        },
        expect![[r#"
            a.toml:1:5: a: a string is expected, not a whole number
            a.toml:2:1: b: unknown key `b`; known: `a`
            a.toml:3:1: TOML syntax: missing comma between array elements, expected `,`
            a.toml:4:1: TOML syntax: missing comma between array elements, expected `,`
            a.toml:5:1: TOML syntax: missing comma between array elements, expected `,`
            a.toml:6:1: TOML syntax: missing comma between array elements, expected `,`
        "#]],
    );
}

#[test]
fn more_problems_than_anybody_reads_are_counted() {
    let source: String = (0..500).map(|n| format!("key{n} = 1\n")).collect();
    let document = Document::parse("a.toml", &source);
    document.root().finish();
    let problems = document.problems();
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert_eq!(problems.last().expect("it has some").message, "and 300 more problems");
}

#[test]
fn a_long_line_with_many_problems_is_placed_quickly() {
    let source = format!("a = [{}]", "é = 1, ".repeat(30_000));
    let problems: Vec<Problem> = Document::parse("a.toml", &source).problems();
    assert!(problems.iter().all(|problem| problem.line == 1));
    assert!(problems.is_sorted_by_key(|problem| problem.column));
}

#[test]
fn suggestions_are_near() {
    let words = ["timeout", "max_parallel", "a"];
    assert_eq!(suggest("timeuot", words), Some("timeout"));
    assert_eq!(suggest("maxparallel", words), Some("max_parallel"));
    assert_eq!(suggest("tea", words), None);
    assert_eq!(suggest("b", words), None);
    assert_eq!(suggest(&"x".repeat(1_000), words), None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "(?s).{0,200}") {
        let document = Document::parse("a.toml", &source);
        let mut root = document.root();
        for key in root.keys().collect::<Vec<_>>() {
            root.json(key);
            root.tables(key).into_iter().for_each(Table::finish);
        }
        root.finish();
        document.problems();
    }
}
