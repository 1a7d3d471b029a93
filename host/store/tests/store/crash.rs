//! What is acknowledged survives the sudden end of the process, and a disk that fails.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use taskloom_core::failure::Outcome;
use taskloom_store::{Error, Options, Store};

use crate::conformance::assert_healthy;
use crate::script::{Script, batch, json, run_id};

/// Tells the child process where to work.
const FOLDER: &str = "TASKLOOM_TEST_CRASH_FOLDER";

/// Tells the child process the number of its first run.
const FIRST_RUN: &str = "TASKLOOM_TEST_CRASH_RUN";

#[test]
fn what_is_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = vec![];
    for (round, lines) in (1_u64..).zip([1, 40, 333, 1_000, 7]) {
        acknowledged.extend(kill_after(lines, folder.path(), round * 1_000_000));
        let store = Store::open(folder.path(), Options::default()).expect("opens");
        assert_eq!(store.epoch(), 2 * round);
        for (run, seq) in &acknowledged {
            let events = store.run_events(run_id(*run), seq - 1, 1).expect("reads");
            assert_eq!(events.first().map(|stored| stored.seq), Some(*seq), "run {run}");
        }
        assert_healthy(&store);
    }
    assert!(acknowledged.len() >= 1_381);
}

#[test]
fn a_disk_that_fails_stops_the_store_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    // A limit on the size of files, with its signal ignored, fails writes as a bad disk does.
    let shell = r#"trap "" XFSZ; ulimit -f 1000; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command.arg("-c").arg(shell).arg(std::env::current_exe().expect("known"));
    let output = child_of(command, "crash::child_on_a_bad_disk", folder.path(), 1)
        .output()
        .expect("ends by itself");
    let output = String::from_utf8(output.stdout).expect("text");
    let acknowledged: Vec<_> =
        output.lines().filter_map(|line| line.strip_prefix("ack ").and_then(parse)).collect();
    assert!(output.contains("stopped as it should"), "{output}");
    assert!(!acknowledged.is_empty());
    let store = Store::open(folder.path(), Options::default()).expect("opens");
    for (run, seq) in acknowledged {
        assert_eq!(store.run_events(run_id(run), seq - 1, 1).expect("reads").len(), 1);
    }
    assert_healthy(&store);
}

#[test]
fn a_file_that_the_disk_has_no_room_for_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let shell = r#"trap "" XFSZ; ulimit -f 1000; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command.arg("-c").arg(shell).arg(std::env::current_exe().expect("known"));
    let output = child_of(command, "crash::child_with_a_large_file", folder.path(), 1)
        .output()
        .expect("ends by itself");
    let output = String::from_utf8(output.stdout).expect("text");
    assert!(output.contains("refused as it should"), "{output}");
    assert!(output.contains("ack 1 1 ."), "the store goes on: {output}");
    let artefacts = std::fs::read_dir(folder.path().join("artefacts")).expect("a folder");
    let inner = artefacts.map(|entry| entry.expect("an entry").path());
    let files = inner.flat_map(|inner| std::fs::read_dir(inner).expect("a folder"));
    let files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(files.len(), 1, "only the small file is there: {files:?}");
}

/// Starts a process that commits without end, kills it after it has acknowledged some commits,
/// and gives all it acknowledged.
fn kill_after(lines: usize, folder: &Path, first_run: u64) -> Vec<(u64, u64)> {
    let mut child = spawn(folder, first_run);
    let output = BufReader::new(child.stdout.take().expect("is piped"));
    let mut acknowledged = vec![];
    for line in output.lines() {
        // The last line may be cut off.
        let Ok(line) = line else { break };
        acknowledged.extend(line.strip_prefix("ack ").and_then(parse));
        if acknowledged.len() == lines {
            child.kill().expect("is killed");
        }
    }
    child.wait().expect("ends");
    acknowledged
}

fn parse(line: &str) -> Option<(u64, u64)> {
    let (run, seq) = line.strip_suffix(" .")?.split_once(' ')?;
    Some((run.parse().ok()?, seq.parse().ok()?))
}

fn spawn(folder: &Path, first_run: u64) -> Child {
    let command = Command::new(std::env::current_exe().expect("known"));
    child_of(command, "crash::child", folder, first_run).spawn().expect("starts")
}

/// Makes `command` run one of the functions below in a process of its own.
fn child_of(mut command: Command, function: &str, folder: &Path, first_run: u64) -> Command {
    command
        .args(["--exact", function, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FIRST_RUN, first_run.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Not a test of its own: what the killed process runs. Does nothing otherwise.
#[test]
fn child() {
    let Some((store, first)) = in_child() else { return };
    // Ends with the process, and by itself if the parent is gone.
    for number in first..first + 100_000 {
        let mut run = Script::new(number, "triage");
        let appends = [
            run.start(),
            run.claim("fetch", 1),
            run.succeed("fetch", 1, &json("{}")),
            run.finish(Outcome::Succeeded),
        ];
        for append in appends {
            store.commit(batch(vec![append]), move |answer| {
                let seq = answer.expect("commits").appends[0].clone().expect("no conflict");
                acknowledge(number, seq);
            });
        }
    }
    store.close();
}

/// Not a test of its own: what runs on the bad disk. Does nothing otherwise.
#[test]
fn child_on_a_bad_disk() {
    let Some((store, first)) = in_child() else { return };
    let first_error = (first..).find_map(|number| {
        let answer = store.commit_and_wait(batch(vec![Script::new(number, "triage").start()]));
        match answer {
            Ok(committed) => {
                acknowledge(number, committed.appends[0].clone().expect("no conflict"));
                None
            }
            Err(error) => Some(error),
        }
    });
    let later = store.commit_and_wait(batch(vec![Script::new(0, "triage").start()]));
    if let (Some(Error::Io { .. }), Err(Error::Stopped { .. })) = (&first_error, &later) {
        println!("stopped as it should");
    }
    println!("first {first_error:?}, then {later:?}");
}

/// Not a test of its own: what leaves a file for which there is no room. Does nothing otherwise.
#[test]
fn child_with_a_large_file() {
    let Some((store, first)) = in_child() else { return };
    let refused = store.put_artefact(&vec![7; 2_000_000]);
    let taken = store.put_artefact(b"small");
    if let (Err(Error::Artefacts { .. }), Ok(_)) = (&refused, &taken) {
        println!("refused as it should");
    }
    println!("first {refused:?}, then {taken:?}");
    let committed = store.commit_and_wait(batch(vec![Script::new(first, "triage").start()]));
    acknowledge(first, committed.expect("commits").appends[0].clone().expect("no conflict"));
}

/// The store and the number of the first run, in a process that was started for it.
fn in_child() -> Option<(Store, u64)> {
    let (folder, first) = (std::env::var(FOLDER).ok()?, std::env::var(FIRST_RUN).ok()?);
    let store = Store::open(Path::new(&folder), Options::default()).expect("opens");
    Some((store, first.parse().expect("a number")))
}

/// Tells the parent. One write a line: the process may end at any time.
fn acknowledge(run: u64, seq: u64) {
    let _ = std::io::stdout().lock().write_all(format!("ack {run} {seq} .\n").as_bytes());
}
