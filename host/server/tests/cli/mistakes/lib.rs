//! A plugin whose every task type makes a mistake that authors make. Built by `kit_rust.rs`.

use std::time::{Duration, Instant, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use taskloom_sdk::http::{self, Request};
use taskloom_sdk::{Classify as _, Error, Result, ai, artefact, check_cancelled, context, log};
use taskloom_sdk::{metric, plugin, progress, secret};

#[derive(Deserialize, JsonSchema)]
struct Input {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    text: String,
}

/// Says in its schema that it is a number, and writes a text.
#[derive(JsonSchema)]
struct Liar(u32);

impl Serialize for Liar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}

fn text(text: impl Into<String>) -> Result<Output> {
    Ok(Output { text: text.into() })
}

fn panics(_: Input) -> Result<Output> {
    panic!("this cannot be")
}

fn unwraps(input: Input) -> Result<Output> {
    text(input.name.unwrap())
}

fn indexes(_: Input) -> Result<Output> {
    let names: Vec<String> = Vec::new();
    text(&names[0])
}

fn lies(_: Input) -> Result<Liar> {
    Ok(Liar(7))
}

fn reads_a_file(_: Input) -> Result<Output> {
    text(std::fs::read_to_string("/etc/hosts").unwrap())
}

fn opens_a_socket(_: Input) -> Result<Output> {
    text(format!("{:?}", std::net::TcpStream::connect("127.0.0.1:80").unwrap()))
}

fn reads_the_environment(_: Input) -> Result<Output> {
    text(std::env::var("TOKEN").or_permanent("no-token")?)
}

fn looks_at_the_clock(_: Input) -> Result<Output> {
    text(format!("{:?}", SystemTime::now()))
}

fn measures(_: Input) -> Result<Output> {
    text(format!("{:?}", Instant::now()))
}

fn starts_a_thread(_: Input) -> Result<Output> {
    text(std::thread::spawn(|| "done".to_owned()).join().unwrap())
}

fn prints(_: Input) -> Result<Output> {
    println!("nobody sees this");
    log::info!("somebody sees this");
    text("printed")
}

fn never_ends(_: Input) -> Result<Output> {
    let mut n: u64 = 1;
    while n != 0 {
        n = std::hint::black_box(n | 1);
    }
    text("never")
}

fn takes_all_memory(_: Input) -> Result<Output> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

fn recurses(_: Input) -> Result<Output> {
    fn deeper(n: u64) -> u64 {
        let here = std::hint::black_box(n);
        if here == u64::MAX { 0 } else { deeper(here + 1) + std::hint::black_box(here) }
    }
    text(deeper(0).to_string())
}

fn says_too_much(_: Input) -> Result<Output> {
    text("x".repeat(2 << 20))
}

fn posts(_: Input) -> Result<Output> {
    Request::post("https://api.example.org/items").json(&1)?.send()?.text().and_then(text)
}

fn asks_somebody_else(_: Input) -> Result<Output> {
    http::get("https://other.example.org/")?.text().and_then(text)
}

fn asks_something_else(_: Input) -> Result<Output> {
    http::get("https://api.example.org/unexpected")?.text().and_then(text)
}

fn takes_a_secret(_: Input) -> Result<Output> {
    text(secret::placeholder("other-token")?)
}

fn asks_a_model(_: Input) -> Result<Output> {
    ai::complete("what is this?").and_then(text)
}

/// Makes no mistake: uses everything that a handler can use.
fn works(_: Input) -> Result<Output> {
    let tenant: Option<String> = context::get("tenant")?;
    let token = secret::placeholder("token")?;
    let items = Request::post("https://api.example.org/items")
        .header("authorization", &format!("Bearer {token}"))
        .json(&tenant)?
        .send()?
        .error_for_status()?
        .text()?;
    progress(0.5, "half");
    let summary = ai::complete(format!("summarise {items}"))?;
    artefact::put("summary.md", "text/markdown", &summary)?;
    context::set("summary", &summary)?;
    metric("items", 2.0);
    log::info!("summarised"; items = 2);
    text(summary)
}

/// Says when it is worth while to come again.
fn comes_later(_: Input) -> Result<Output> {
    Err(Error::retry_after(Duration::from_secs(30), "busy", "come again"))
}

/// Looks whether it should stop.
fn stops_when_told(_: Input) -> Result<Output> {
    check_cancelled()?;
    text("went on")
}

plugin! {
    http: ["api.example.org", "other.example.org"],
    secrets: ["token"],
    ai: true,
    reads_context: ["tenant"],
    writes_context: ["summary"],

    "panics" => panics {},
    "unwraps" => unwraps {},
    "indexes" => indexes {},
    "lies" => lies {},
    "file" => reads_a_file {},
    "socket" => opens_a_socket {},
    "environment" => reads_the_environment {},
    "clock" => looks_at_the_clock {},
    "measures" => measures {},
    "thread" => starts_a_thread {},
    "prints" => prints {},
    "endless" => never_ends { fuel: 10_000_000 },
    "memory" => takes_all_memory { memory_bytes: 8_388_608 },
    "recurses" => recurses {},
    "large" => says_too_much {},
    "posts" => posts { effects: Reads },
    "pure" => asks_something_else { effects: Pure },
    "elsewhere" => asks_somebody_else { effects: Reads },
    "unexpected" => asks_something_else { effects: Reads },
    "secret" => takes_a_secret {},
    "model" => asks_a_model {},
    "works" => works {},
    "later" => comes_later {},
    "stops" => stops_when_told {},
}
