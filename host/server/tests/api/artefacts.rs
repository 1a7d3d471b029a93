//! Files that tasks leave, and read.

use serde_json::{Value, json};

use crate::host::{ask, finished, get};

fn path(run: &Value) -> String {
    format!("/runs/{}", run["id"].as_str().expect("an id"))
}

#[test]
fn a_file_goes_from_task_to_task_and_to_whoever_asks() {
    let input = json!({ "files": [["report.md", "# Hi"], ["a.txt", "one"], ["a.txt", "two"]] });
    let run = finished("leaves", input);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(run["output"]["read"]["text"], "# Hi");
    let left = &run["tasks"][0]["attempts"][0]["artefacts"];
    assert_eq!(left.as_array().map(Vec::len), Some(2), "a name is there once: {left:#}");
    let list = get(&format!("{}/artefacts", path(&run)));
    let first = &list["artefacts"][0];
    assert_eq!((&first["name"], &first["bytes"]), (&json!("a.txt"), &json!(3)), "{list:#}");
    assert_eq!((&first["task"], &first["attempt"]), (&json!("leave"), &json!(1)));

    let report = &list["artefacts"][1];
    for named in ["report.md", report["artefact"].as_str().expect("a digest")] {
        let answer = ask(&format!("GET {}/artefacts/{named}", path(&run)), &[], "");
        assert_eq!((answer.status, answer.text.as_str()), (200, "# Hi"));
        assert_eq!(answer.header("content-type"), "text/plain");
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"report.md\"");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("sandbox"));
    }
    for named in ["nothing.md", "sha256:00", "..%2Ftaskloom.db"] {
        let problem = ask(&format!("GET {}/artefacts/{named}", path(&run)), &[], "").expect(404);
        assert_eq!(problem["code"], "artefact-not-found");
    }
}

#[test]
fn what_a_failed_attempt_left_is_kept() {
    let run = finished("leaves", json!({ "files": [["log.txt", "x"]], "succeed_on": 2 }));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let list = get(&format!("{}/artefacts", path(&run)));
    let attempts: Vec<_> = list["artefacts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|artefact| artefact["attempt"].clone())
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn what_is_left_is_bounded_and_named_like_a_file() {
    let many: Vec<_> = (0..33).map(|n| json!([format!("f{n}"), ""])).collect();
    for (input, code) in [
        (json!({ "files": many }), "too-many-artefacts"),
        (json!({ "files": [], "bytes": 16 * 1024 * 1024 + 1 }), "artefact-too-large"),
        (json!({ "files": [], "bytes": 20_000_000 }), "output-too-large"),
        (json!({ "files": [["../x", ""]] }), "invalid-artefact"),
        (json!({ "files": [["x", ""]], "media_type": "text\r\nx: y" }), "invalid-artefact"),
    ] {
        let run = finished("leaves", input);
        assert_eq!(run["failure"]["details"]["code"], code, "{run:#}");
    }
}

#[test]
fn a_task_reads_only_what_its_input_refers_to() {
    let run = finished("leaves", json!({ "files": [["secret.txt", "x"]] }));
    let digest = &run["tasks"][0]["attempts"][0]["artefacts"][0]["artefact"];
    let other = finished("reads-file", json!({ "wanted": digest }));
    assert_eq!(other["failure"]["details"]["code"], "unknown-artefact", "{other:#}");
    let gone = format!("sha256:{}", "0".repeat(64));
    let given = json!({ "artefact": gone, "name": "a", "media_type": "text/plain", "bytes": 1 });
    let other = finished("reads-file", json!({ "wanted": gone, "given": given }));
    assert_eq!(other["failure"]["details"]["code"], "unreadable-artefact", "{other:#}");
}
