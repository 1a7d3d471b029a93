//! Whatever is refused is refused as problem details.

use crate::host::ask;

#[test]
fn every_refusal_is_a_problem() {
    for (line, status, code) in [
        ("GET /nothing", 404, "not-found"),
        ("GET //nothing", 404, "not-found"),
        ("DELETE /runs", 405, "method-not-allowed"),
        ("PATCH /workflows/greet", 405, "method-not-allowed"),
        ("GET /plugins/nothing", 404, "plugin-not-found"),
        ("GET /workflows/nothing", 404, "workflow-not-found"),
    ] {
        let answer = ask(line, &[], "");
        let problem = answer.expect(status);
        assert_eq!(problem["code"], code, "{line}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:taskloom:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem:#}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{line}");
    }
    assert!(ask("DELETE /runs", &[], "").header("allow").contains("GET"));
}

#[test]
fn pages_of_other_origins_change_nothing() {
    let json = ("content-type", "application/json");
    let host = ("host", "127.0.0.1:8080");
    let start = "POST /workflows/greet/runs";
    let body = r#"{"input": {"name": "Mallory"}}"#;
    let problem = ask(start, &[json, host, ("origin", "http://evil.example")], body).expect(403);
    assert_eq!(problem["code"], "cross-origin");
    ask(start, &[json, host, ("origin", "http://127.0.0.1:8080")], body).expect(201);
    let read = ask("GET /runs", &[host, ("origin", "http://evil.example")], "");
    assert_eq!(read.status, 200, "the browser keeps the answer from the page");
    assert_eq!(read.header("access-control-allow-origin"), "");
}

#[test]
fn a_host_answers_to_its_own_names_only() {
    let problem = ask("GET /runs", &[("host", "evil.example:8080")], "").expect(421);
    assert_eq!(problem["code"], "foreign-host");
    for host in ["localhost:8080", "[::1]:8080", "tasks.example.org"] {
        assert_eq!(ask("GET /runs", &[("host", host)], "").status, 200, "{host}");
    }
}
