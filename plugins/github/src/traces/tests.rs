//! Traces of every language, as people paste them.

use expect_test::{Expect, expect};

use super::*;
use crate::markdown;

fn check(text: &str, expected: Expect) {
    let documents = [markdown::read(Field::Body, text)];
    expected.assert_eq(&show(&find(&documents).found.items));
}

fn show(traces: &[Trace]) -> String {
    let mut shown = String::new();
    for trace in traces {
        let errors: Vec<String> = trace.error.iter().chain(&trace.causes).map(show_error).collect();
        shown += &format!(
            "{:?} at line {}: {}\n",
            trace.language,
            trace.source.line,
            errors.join(" <- ")
        );
        for frame in &trace.frames {
            shown += &format!(
                "  {}{} | {}{}{}\n",
                if frame.library { "(lib) " } else { "" },
                frame.function.as_deref().unwrap_or("-"),
                frame.file.as_deref().unwrap_or("-"),
                frame.line.map_or(String::new(), |line| format!(" line {line}")),
                frame.column.map_or(String::new(), |column| format!(" column {column}")),
            );
        }
    }
    shown
}

fn show_error(error: &TraceError) -> String {
    format!("{}: {}", error.name.as_deref().unwrap_or("-"), error.message)
}

#[test]
fn rust_panic_with_backtrace() {
    check(
        "```\nthread 'main' panicked at src/loom/shuttle.rs:88:14:\nindex out of bounds: the len is 3 but the index is 7\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1a2b/library/std/src/panicking.rs:665:5\n   1: loom::shuttle::throw::h0123456789abcdef\n             at ./src/loom/shuttle.rs:88:14\n   2: 0x55d2a - loom::main\nnote: Some details are omitted, run with `RUST_BACKTRACE=full`\n```",
        expect![[r#"
            Rust at line 2: panic: index out of bounds: the len is 3 but the index is 7
              - | src/loom/shuttle.rs line 88 column 14
              (lib) rust_begin_unwind | /rustc/1a2b/library/std/src/panicking.rs line 665 column 5
              loom::shuttle::throw | ./src/loom/shuttle.rs line 88 column 14
              loom::main | -
        "#]],
    );
}

#[test]
fn rust_panic_of_older_compilers_in_plain_text() {
    check(
        "It says thread 'worker-3' panicked at 'called `Option::unwrap()` on a `None` value', crates/a/src/lib.rs:4:9 and stops.\n\nthread 'x' panicked at 'no, really', src/b.rs:1:2\nnote: run with `RUST_BACKTRACE=1`",
        expect![[r#"
            Rust at line 3: panic: no, really
              - | src/b.rs line 1 column 2
        "#]],
    );
}

#[test]
fn python_traceback_with_chained_error() {
    check(
        "    Traceback (most recent call last):\n      File \"/srv/kiln/app.py\", line 31, in fire\n        heat(oven)\n        ~~~~^^^^^^\n      File \"/usr/lib/python3.12/json/decoder.py\", line 355, in decode\n    ValueError: too hot\n\n    During handling of the above exception, another exception occurred:\n\n    Traceback (most recent call last):\n      File \"cli.py\", line 3\n    kiln.errors.NotReady: wait",
        expect![[r#"
            Python at line 1: ValueError: too hot
              fire | /srv/kiln/app.py line 31
              (lib) decode | /usr/lib/python3.12/json/decoder.py line 355
            Python at line 10: kiln.errors.NotReady: wait
              - | cli.py line 3
        "#]],
    );
}

#[test]
fn javascript_of_node_and_of_browsers() {
    check(
        "```js\nTypeError [ERR_INVALID_ARG_TYPE]: The \"path\" argument must be a string\n    at Object.open (/srv/quill/lib/store.js:12:7)\n    at async new Writer (file:///srv/quill/index.mjs:3:1)\n    at node:internal/main/run_main_module:23:47\n    at Array.map (<anonymous>)\n```\n\nUncaught ReferenceError: ink is not defined\nrender@https://quill.example/app.js:10:5\n@https://quill.example/app.js:99:1",
        expect![[r#"
            Javascript at line 2: TypeError: The "path" argument must be a string
              Object.open | /srv/quill/lib/store.js line 12 column 7
              Writer | file:///srv/quill/index.mjs line 3 column 1
              (lib) - | node:internal/main/run_main_module line 23 column 47
              (lib) Array.map | <anonymous>
            Javascript at line 9: ReferenceError: ink is not defined
              render | https://quill.example/app.js line 10 column 5
              - | https://quill.example/app.js line 99 column 1
        "#]],
    );
}

#[test]
fn java_with_causes_and_kotlin() {
    check(
        "```\nException in thread \"main\" java.lang.IllegalStateException: no ferry\n\tat dock.Pier.board(Pier.java:42)\n\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1596)\nCaused by: dock.TideException: low\n\tat dock.Tide.check(Tide.java:7) ~[dock.jar:1.2]\n\t... 2 more\n```\nand\n```\nkotlin.UninitializedPropertyAccessException: lateinit property anchor\n    at dock.Boat.getAnchor(Boat.kt:5)\n    at dock.Boat.sail(Native Method)\n```",
        expect![[r#"
            Java at line 2: java.lang.IllegalStateException: no ferry <- dock.TideException: low
              dock.Pier.board | Pier.java line 42
              (lib) java.base/java.util.ArrayList.forEach | ArrayList.java line 1596
              dock.Tide.check | Tide.java line 7
            Kotlin at line 11: kotlin.UninitializedPropertyAccessException: lateinit property anchor
              dock.Boat.getAnchor | Boat.kt line 5
              dock.Boat.sail | -
        "#]],
    );
}

#[test]
fn go_panic_with_goroutines() {
    check(
        "```\npanic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f]\n\ngoroutine 1 [running]:\nmain.(*Hive).fill(0xc00001, {0x1, 0x2})\n\t/home/bee/hive/hive.go:21 +0x1d\ncreated by main.start in goroutine 7\n\t/usr/local/go/src/run.go:9 +0x5\nexit status 2\n```",
        expect![[r#"
            Go at line 2: panic: runtime error: invalid memory address or nil pointer dereference
              main.(*Hive).fill | /home/bee/hive/hive.go line 21
              (lib) main.start | /usr/local/go/src/run.go line 9
        "#]],
    );
}

#[test]
fn dotnet_with_inner_exception() {
    check(
        "```\nUnhandled exception. System.InvalidOperationException: belt is empty\n ---> System.IO.IOException: gone\n   at Mill.Belt.Load(String path, List`1 items) in C:\\mill\\Belt.cs:line 18\n   --- End of inner exception stack trace ---\n   at Mill.Program.<Main>$(String[] args)\n```",
        expect![[r#"
            Dotnet at line 2: System.InvalidOperationException: belt is empty <- System.IO.IOException: gone
              Mill.Belt.Load | C:\mill\Belt.cs line 18
              Mill.Program.<Main>$ | -
        "#]],
    );
}

#[test]
fn ruby_of_old_and_new() {
    check(
        "```\nlib/press.rb:14:in `stamp': wrong plate (ArgumentError)\n\tfrom lib/press.rb:3:in 'Press#run'\n\tfrom /usr/lib/ruby/3.3.0/set.rb:1:in `each'\n```",
        expect![[r#"
            Ruby at line 2: ArgumentError: wrong plate
              stamp | lib/press.rb line 14
              Press#run | lib/press.rb line 3
              (lib) each | /usr/lib/ruby/3.3.0/set.rb line 1
        "#]],
    );
}

#[test]
fn gdb_lldb_and_sanitizers() {
    check(
        "```\nProgram received signal SIGSEGV, Segmentation fault.\n#0  0x00007ffff7a in raise () from /lib/x86_64-linux-gnu/libc.so.6\n#1  0x0000555 in winch_turn (w=0x0, n=3) at winch.c:77\n#2  main (argc=1) at main.c:10\n```\n```\n* frame #0: 0x0001 crane`winch::turn(int) at winch.cpp:7:3\n  frame #1: 0x0002 crane`start + 52\n```\n```\n==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\n    #0 0x4f in winch_free /src/winch.c:5:9\n```",
        expect![[r#"
            Native at line 2: SIGSEGV: Segmentation fault.
              (lib) raise | /lib/x86_64-linux-gnu/libc.so.6
              winch_turn | winch.c line 77
              main | main.c line 10
            Native at line 8: 
              winch::turn | winch.cpp line 7 column 3
              start | -
            Native at line 12: AddressSanitizer: heap-use-after-free on address 0x1
              winch_free | /src/winch.c line 5 column 9
        "#]],
    );
}

#[test]
fn prose_is_no_trace() {
    check(
        "See #12 and #3 at noon.\nI was at home (again).\nMeet me at 10:30:15\npanic: everybody out!\n1. open the app\n2. look at src/main.rs:10:5\nmail me@example.org:25:1\nTime: 12:30: in the evening",
        expect![[""]],
    );
}

#[test]
fn traces_and_frames_are_bounded() {
    let frames = "    at f (/a.js:1:2)\n".repeat(FRAMES_MAX + 1);
    let block = format!("```\nError: x\n{frames}```\n");
    let text = block.repeat(TRACES_MAX + 1);
    let documents = [markdown::read(Field::Body, &text)];
    let traces = find(&documents);
    assert!(traces.found.truncated);
    assert_eq!(traces.found.items.len(), TRACES_MAX);
    assert_eq!(traces.found.items[0].frames.len(), FRAMES_MAX);
    assert!(traces.found.items[0].truncated);
    assert!(traces.cover(Field::Body, 2));
    assert!(!traces.cover(Field::Comment, 2));
}

#[test]
fn quotes_in_a_comment_are_somebody_elses() {
    let text = "> Error: x\n>     at f (/a.js:1:2)\n";
    let documents = [markdown::read(Field::Comment, text)];
    assert!(find(&documents).found.items.is_empty());
    let documents = [markdown::read(Field::Body, text)];
    assert_eq!(find(&documents).found.items.len(), 1);
}
