//! Versions as people write them.

use expect_test::{Expect, expect};

use super::*;
use crate::{markdown, traces};

fn check(text: &str, expected: Expect) {
    let documents = [markdown::read(Field::Body, text)];
    let found = find(&documents, &traces::find(&documents));
    let shown: Vec<String> = found
        .items
        .iter()
        .map(|found| {
            let name = found.name.as_deref().unwrap_or("-");
            format!("{name} | {} | {:?} at {}\n", found.version, found.text, found.source.line)
        })
        .collect();
    expected.assert_eq(&shown.concat());
}

#[test]
fn lists_of_an_environment() {
    check(
        "- OS: Ubuntu 22.04.3 LTS\n- Node: v20.11.0\n- loomctl version: 0.4.2\n- **npm**: 10\n- Browser: Chrome 120.0.6099.109\n- Windows 11 Pro, Visual Studio Code 1.85\n| rustc | 1.95.0 |",
        expect![[r#"
            Ubuntu | 22.04.3 | "Ubuntu 22.04.3" at 1
            Node | 20.11.0 | "Node v20.11.0" at 2
            loomctl | 0.4.2 | "loomctl version 0.4.2" at 3
            npm | 10 | "npm 10" at 4
            Chrome | 120.0.6099.109 | "Chrome 120.0.6099.109" at 5
            Windows | 11 | "Windows 11" at 6
            Visual Studio Code | 1.85 | "Visual Studio Code 1.85" at 6
            rustc | 1.95.0 | "rustc 1.95.0" at 7
        "#]],
    );
}

#[test]
fn joined_names() {
    check(
        "react@18.2.0 @mill/wheel@2.0.0-rc.1 requests==2.31 `serde = \"1.0\"` redis:7.2 go1.22 Mozilla/5.0 Firefox/121.0 postgres:16",
        expect![[r#"
            react | 18.2.0 | "react@18.2.0" at 1
            @mill/wheel | 2.0.0-rc.1 | "@mill/wheel@2.0.0-rc.1" at 1
            requests | 2.31 | "requests==2.31" at 1
            serde | 1.0 | "serde 1.0" at 1
            redis | 7.2 | "redis:7.2" at 1
            go | 1.22 | "go1.22" at 1
            Firefox | 121.0 | "Firefox/121.0" at 1
            postgres | 16 | "postgres:16" at 1
        "#]],
    );
}

#[test]
fn headings_and_commands_name_lone_numbers() {
    check(
        "### Version\n\n1.4.0\n\n### Node version\n20.1\n\n### Which version of Kettle do you use?\nv3.1\n\n```\n$ cargo --version\ncargo 1.95.0 (abc 2026-01-01)\n$ node -v\nv20.1.0\n```",
        expect![[r#"
            - | 1.4.0 | "1.4.0" at 3
            Node | 20.1 | "20.1" at 6
            Kettle | 3.1 | "v3.1" at 9
            cargo | 1.95.0 | "cargo 1.95.0" at 13
            node | 20.1.0 | "v20.1.0" at 15
        "#]],
    );
}

#[test]
fn sentences() {
    check(
        "Since upgrading from 1.2 to 1.3.1 it fails on Python 3.12. It worked in v0.9. With Kettle 2.5 and spring-boot 3.2 all is well. The latest release is 4.0.",
        expect![[r#"
            - | 1.2 | "1.2" at 1
            - | 1.3.1 | "1.3.1" at 1
            Python | 3.12 | "Python 3.12" at 1
            - | 0.9 | "v0.9" at 1
            Kettle | 2.5 | "Kettle 2.5" at 1
            spring-boot | 3.2 | "spring-boot 3.2" at 1
            - | 4.0 | "4.0" at 1
        "#]],
    );
}

#[test]
fn other_numbers() {
    check(
        "It took 1.5 seconds, 2.5 GB and 99.9%. On 31.1.2024 at 10.0.0.1 we saw 3 errors in 2.4 ms. See https://a.example/1.2.3 and /usr/lib/python3.11/x. Chapter 2.1 has pi 3.14. 10 times 1,000 1e9 12:30:15\n## 2.1 Overview",
        expect![[""]],
    );
}

#[test]
fn traces_hold_no_versions() {
    check(
        "```\nError: x\n    at f (/a/node_modules/b@1.2.3/i.js:1:2)\n\nNode.js v20.1.0\n```",
        expect![[r#"
            Node.js | 20.1.0 | "Node.js v20.1.0" at 5
        "#]],
    );
}

#[test]
fn versions_are_bounded() {
    let text: String = (0..=VERSIONS_MAX).map(|n| format!("v1.2.{n}\n")).collect();
    let documents = [markdown::read(Field::Body, &text)];
    let found = find(&documents, &traces::find(&documents));
    assert!(found.truncated);
    assert_eq!(found.items.len(), VERSIONS_MAX);
}
