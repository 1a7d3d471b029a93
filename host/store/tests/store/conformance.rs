//! The suite that every backend passes; it knows nothing of a backend but how to open it.

use std::sync::mpsc::channel;

use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, TaskType, WorkflowId};
use taskloom_core::journal::RunEvent;
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;
use taskloom_store::{
    Batch, Committed, Conflict, Cursor, Error, LogFilter, LogLine, Page, RunFilter, RunRow, Store,
};

use crate::script::{
    Opener, Script, batch, json, log_line, plugin_removed, put, run_id, sqlite, task_id, text,
};

/// Runs each function of the suite on a backend.
macro_rules! conformance {
    ($opener:expr; $($behaviour:ident)+) => {
        $(#[test] fn $behaviour() { suite::$behaviour($opener); })+
    };
}

mod on_sqlite {
    use super::{sqlite, suite};

    conformance! { sqlite;
        events_come_back_in_order
        reading_goes_on_after_a_number
        a_wrong_number_rejects_that_append_alone
        a_rejected_append_leaves_no_row
        appends_of_one_batch_build_on_each_other
        a_key_starts_one_run
        a_key_is_taken_within_its_batch_too
        a_key_counts_for_its_workflow_alone
        a_payload_is_kept_once
        a_batch_that_contradicts_itself_is_refused_alone
        streams_are_kept_apart_by_kind_and_name
        the_end_of_a_stream_is_found_at_once
        streams_are_listed_by_kind
        runs_are_listed_newest_first_by_every_filter
        pages_stay_what_they_are_while_runs_are_added
        runs_of_the_same_moment_are_listed_once
        unfinished_runs_are_found_oldest_first
        a_row_can_change_without_an_event
        attempts_are_listed_by_their_end
        refusals_are_listed_newest_first
        a_rejected_append_leaves_no_refusal
        log_lines_are_read_in_pages
        log_lines_travel_without_a_batch
        log_lines_of_no_run_are_dropped
        batches_of_many_threads_are_all_kept
        batches_are_committed_in_order
        a_batch_that_its_caller_writes_keeps_the_order
        a_receiver_that_panics_disturbs_nobody
        everything_is_there_after_a_restart
        each_start_has_a_higher_epoch
        closing_writes_what_is_queued
        a_closed_store_says_so
        the_last_handle_may_be_dropped_by_a_receiver
    }
}

mod suite {
    use super::*;
    pub(super) use crate::refusals::*;
    pub(super) use crate::streams::*;

    pub(super) fn events_come_back_in_order(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        assert_eq!(put(&store, run.start()), Ok(1));
        assert_eq!(put(&store, run.claim("fetch", 1)), Ok(2));
        assert_eq!(put(&store, run.fail("fetch", 1)), Ok(3));
        let events = store.run_events(run.id(), 0, 10).expect("reads");
        let seen: Vec<_> = events
            .iter()
            .map(|stored| (stored.seq, stored.entry.at.as_ms(), stored.entry.event.kind()))
            .collect();
        assert_eq!(
            seen,
            [(1, 1, "run-started"), (2, 2, "attempt-claimed"), (3, 3, "attempt-failed")]
        );
        assert!(events.is_sorted_by(|a, b| a.cursor < b.cursor));
        let RunEvent::AttemptFailed { failure, .. } = &events[2].entry.event else {
            panic!("the third event is a failure")
        };
        assert_eq!(failure.message, "unreachable \u{2764}");
        assert_healthy(&store);
    }

    pub(super) fn reading_goes_on_after_a_number(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        for _ in 0..6 {
            put(&store, run.cancel()).expect("no conflict");
        }
        let numbers = |after, limit| -> Vec<u64> {
            let events = store.run_events(run.id(), after, limit).expect("reads");
            events.iter().map(|stored| stored.seq).collect()
        };
        assert_eq!(numbers(0, 3), [1, 2, 3]);
        assert_eq!(numbers(3, 3), [4, 5, 6]);
        assert_eq!(numbers(6, 3), [7]);
        assert!(numbers(7, 3).is_empty());
        assert!(store.run_events(run_id(9), 0, 3).expect("reads").is_empty());
    }

    pub(super) fn a_wrong_number_rejects_that_append_alone(open: Opener) {
        let (place, mut a, mut b) = (open(), Script::new(1, "triage"), Script::new(2, "triage"));
        let store = place.open();
        put(&store, a.start()).expect("no conflict");
        let mut stale = a.cancel();
        stale.expected_seq = 0;
        let mut ahead = a.cancel();
        ahead.expected_seq = 5;
        let committed = store.commit_and_wait(batch(vec![stale, b.start(), ahead]));
        let sequence = |expected| Err(Conflict::Sequence { expected, found: 1 });
        assert_eq!(committed.expect("commits").appends, [sequence(0), Ok(1), sequence(5)]);
        assert_eq!(store.run_events(a.id(), 0, 9).expect("reads").len(), 1);
        assert_eq!(store.stats().conflicts, 2);
        assert_healthy(&store);
    }

    pub(super) fn a_rejected_append_leaves_no_row(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        let before = store.run(run.id()).expect("reads");
        let mut stale = run.succeed("fetch", 1, &json("1"));
        stale.expected_seq = 7;
        put(&store, stale).expect_err("a conflict");
        assert_eq!(store.run(run.id()).expect("reads"), before);
        let of_type = store.attempts_of_type(&TaskType::new("text.render").expect("valid"), 9);
        assert_eq!(of_type.expect("reads"), []);
    }

    pub(super) fn appends_of_one_batch_build_on_each_other(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        let appends = vec![run.start(), run.claim("fetch", 1), run.finish(Outcome::Failed)];
        let committed = store.commit_and_wait(batch(appends)).expect("commits");
        assert_eq!(committed.appends, [Ok(1), Ok(2), Ok(3)]);
        assert_eq!(store.run(run.id()).expect("reads"), Some(run.row));
        assert_eq!(store.stats().events, 3);
        assert_healthy(&store);
    }

    pub(super) fn a_key_starts_one_run(open: Opener) {
        let place = open();
        let store = place.open();
        let mut first = Script::new(1, "triage").with_key("k", "request");
        let mut second = Script::new(2, "triage").with_key("k", "another request");
        put(&store, first.start()).expect("no conflict");
        let taken = (first.id(), Digest::of(b"request"));
        assert_eq!(
            put(&store, second.start()),
            Err(Conflict::DuplicateKey { run: taken.0, request: taken.1 })
        );
        let workflow = WorkflowId::new("triage").expect("valid");
        assert_eq!(store.run_of_key(&workflow, "k").expect("reads"), Some(taken));
        assert_eq!(store.run_of_key(&workflow, "l").expect("reads"), None);
        assert_eq!(store.run(second.id()).expect("reads"), None);
        assert_eq!(store.run(first.id()).expect("reads"), Some(first.row));
        assert_healthy(&store);
    }

    pub(super) fn a_key_is_taken_within_its_batch_too(open: Opener) {
        let place = open();
        let store = place.open();
        let mut starts =
            [1, 2].map(|number| Script::new(number, "triage").with_key("k", "request"));
        let appends = starts.iter_mut().map(Script::start).collect();
        let committed = store.commit_and_wait(batch(appends)).expect("commits");
        let duplicate = Conflict::DuplicateKey { run: run_id(1), request: Digest::of(b"request") };
        assert_eq!(committed.appends, [Ok(1), Err(duplicate)]);
    }

    pub(super) fn a_key_counts_for_its_workflow_alone(open: Opener) {
        let place = open();
        let store = place.open();
        for (number, workflow) in [(1, "triage"), (2, "review")] {
            let mut run = Script::new(number, workflow).with_key("k", "request");
            assert_eq!(put(&store, run.start()), Ok(1));
        }
        assert_healthy(&store);
    }

    pub(super) fn a_payload_is_kept_once(open: Opener) {
        let place = open();
        let store = place.open();
        let large = format!("\"{}\"", "\u{e9}".repeat(300_000));
        for _ in 0..3 {
            let payloads = vec![text(&large), text("1"), text("1")];
            store.commit_and_wait(Batch { payloads, ..Batch::default() }).expect("commits");
        }
        let read = |text: &str| store.payload(&Digest::of(text.as_bytes())).expect("reads");
        assert_eq!(read(&large).as_deref(), Some(large.as_str()));
        assert_eq!(read("1").as_deref(), Some("1"));
        assert_eq!(read("2"), None);
    }

    pub(super) fn a_batch_that_contradicts_itself_is_refused_alone(open: Opener) {
        let (place, mut a, mut b) = (open(), Script::new(1, "triage"), Script::new(2, "triage"));
        let store = place.open();
        let mut wrong_row = a.start();
        wrong_row.run_row = Some(b.row.clone());
        let mut wrong_stream = plugin_removed("text", 0);
        wrong_stream.stream = wrong_row.stream.clone();
        for append in [wrong_row, wrong_stream] {
            let error = store.commit_and_wait(batch(vec![append])).expect_err("is refused");
            assert!(matches!(error, Error::Misuse { .. }), "{error}");
        }
        assert_eq!(put(&store, b.start()), Ok(1));
    }

    pub(super) fn runs_are_listed_newest_first_by_every_filter(open: Opener) {
        let place = open();
        let store = place.open();
        let outcomes = [None, Some(Outcome::Succeeded), Some(Outcome::Failed)];
        let mut all = vec![];
        for number in 1..=36_u64 {
            let workflow = if number % 2 == 0 { "triage" } else { "review" };
            let mut run = Script::new(number, workflow);
            put(&store, run.start()).expect("no conflict");
            match outcomes[usize::try_from(number % 3).expect("small")] {
                Some(outcome) => _ = put(&store, run.finish(outcome)).expect("no conflict"),
                None if number % 4 == 0 => {
                    run.row.status = RunStatus::Waiting;
                    put(&store, run.cancel()).expect("no conflict");
                }
                None => {}
            }
            all.insert(0, run.row);
        }
        for filter in filters() {
            let expected: Vec<_> = all.iter().filter(|row| passes(&filter, row)).cloned().collect();
            assert_eq!(pages(&store, &filter, 5), expected, "{filter:?}");
        }
        assert_healthy(&store);
    }

    pub(super) fn pages_stay_what_they_are_while_runs_are_added(open: Opener) {
        let place = open();
        let store = place.open();
        (1..=7).for_each(|number| _ = put(&store, Script::new(number, "triage").start()));
        let mut filter = RunFilter::default();
        let mut seen = vec![];
        for added in 8.. {
            let page = store.list_runs(&filter, 2).expect("reads");
            seen.extend(page.items.iter().map(|run| run.started_at.as_ms()));
            let Some(next) = page.next else { break };
            // Through its text, as a client sends it.
            filter.after = Some(next.to_string().parse::<Cursor>().expect("a cursor"));
            put(&store, Script::new(added, "triage").start()).expect("no conflict");
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    }

    pub(super) fn runs_of_the_same_moment_are_listed_once(open: Opener) {
        let place = open();
        let store = place.open();
        let mut expected = vec![];
        for number in 1..=7 {
            let mut run = Script::new(number, "triage");
            run.row.started_at = Timestamp::from_ms(100);
            put(&store, run.start()).expect("no conflict");
            expected.insert(0, run.row);
        }
        assert_eq!(pages(&store, &RunFilter::default(), 3), expected);
    }

    pub(super) fn unfinished_runs_are_found_oldest_first(open: Opener) {
        let place = open();
        let store = place.open();
        let mut runs: Vec<_> = (1..=4).map(|number| Script::new(number, "triage")).collect();
        for run in &mut runs {
            put(&store, run.start()).expect("no conflict");
        }
        put(&store, runs[1].finish(Outcome::Cancelled)).expect("no conflict");
        runs[2].row.status = RunStatus::Waiting;
        runs[2].row.wake_at = Some(Timestamp::from_ms(99));
        put(&store, runs[2].cancel()).expect("no conflict");
        let expected = [0, 2, 3].map(|index: usize| runs[index].row.clone());
        assert_eq!(store.unfinished_runs().expect("reads"), expected);
    }

    pub(super) fn a_row_can_change_without_an_event(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        for (wake_at, status) in [(5, RunStatus::Running), (6, RunStatus::Waiting)] {
            run.row.wake_at = Some(Timestamp::from_ms(wake_at));
            run.row.status = status;
            let mut append = run.cancel();
            append.events = taskloom_store::Events::Run(vec![]);
            append.expected_seq = 1;
            assert_eq!(put(&store, append), Ok(1));
            assert_eq!(store.run(run.id()).expect("reads").as_ref(), Some(&run.row));
        }
        assert_healthy(&store);
    }

    pub(super) fn attempts_are_listed_by_their_end(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        let mut expected = vec![];
        for number in 1..=3 {
            put(&store, run.claim("fetch", number)).expect("no conflict");
            let append = match number {
                3 => run.succeed("fetch", number, &json("[]")),
                _ => run.fail("fetch", number),
            };
            expected.splice(0..0, append.attempts.clone());
            put(&store, append).expect("no conflict");
        }
        let of_type = |name: &str, limit| {
            let task_type = TaskType::new(name).expect("valid");
            store.attempts_of_type(&task_type, limit).expect("reads")
        };
        assert_eq!(of_type("text.render", 9), expected);
        assert_eq!(of_type("text.render", 2), expected[..2]);
        assert_eq!(of_type("text.other", 9), []);
        assert_healthy(&store);
    }

    pub(super) fn log_lines_are_read_in_pages(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        let lines: Vec<_> = (0..30_u32)
            .map(|n| log_line(run.id(), if n % 3 == 0 { "a" } else { "b" }, 1 + n % 2, n / 2))
            .collect();
        store.append_logs(lines.clone());
        store.flush().expect("writes");
        for task in [None, Some("a"), Some("b"), Some("c")] {
            for attempt in [None, Some(1), Some(2), Some(3)] {
                let filter = LogFilter { task: task.map(task_id), attempt, after: None };
                let passes = |line: &&LogLine| {
                    filter.task.as_ref().is_none_or(|task| line.task == *task)
                        && filter.attempt.is_none_or(|attempt| line.attempt == attempt)
                };
                let expected: Vec<_> = lines.iter().filter(passes).cloned().collect();
                let read = follow(|after| {
                    let filter = LogFilter { after, ..filter.clone() };
                    store.logs(run.id(), &filter, 4).expect("reads")
                });
                assert_eq!(read, expected, "{filter:?}");
            }
        }
        assert_eq!(store.stats().log_lines, 30);
        assert_healthy(&store);
    }

    pub(super) fn log_lines_travel_without_a_batch(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        store.append_logs(vec![log_line(run.id(), "fetch", 1, 1)]);
        let written = || store.stats().log_lines == 1;
        // The writer needs no push; yielding until it has written is the wait for it.
        while !written() {
            std::thread::yield_now();
        }
    }

    pub(super) fn log_lines_of_no_run_are_dropped(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        store.append_logs(vec![log_line(run.id(), "fetch", 1, 1)]);
        store.flush().expect("writes");
        put(&store, run.start()).expect("no conflict");
        let page = store.logs(run.id(), &LogFilter::default(), 9).expect("reads");
        assert_eq!((page.items.len(), store.stats().log_lines_dropped), (0, 1));
    }

    pub(super) fn batches_of_many_threads_are_all_kept(open: Opener) {
        let place = open();
        let store = place.open();
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..25 {
                        let mut run = Script::new(thread * 1_000 + number, "triage");
                        put(store, run.start()).expect("no conflict");
                        put(store, run.claim("fetch", 1)).expect("no conflict");
                        put(store, run.succeed("fetch", 1, &json("1"))).expect("no conflict");
                        put(store, run.finish(Outcome::Succeeded)).expect("no conflict");
                    }
                });
            }
        });
        let stats = store.stats();
        assert_eq!((stats.batches, stats.events), (800, 800));
        assert!(stats.transactions <= stats.batches);
        assert_eq!(pages(&store, &RunFilter::default(), 1_000).len(), 200);
        assert_healthy(&store);
    }

    pub(super) fn batches_are_committed_in_order(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        let (sender, receiver) = channel();
        let commit = |append, number: u64| {
            let sender = sender.clone();
            store.commit(batch(vec![append]), move |answer| {
                sender.send((number, answer.expect("commits").appends)).expect("is awaited");
            });
        };
        commit(run.start(), 1);
        (2..=500).for_each(|number| commit(run.cancel(), number));
        for number in 1..=500 {
            assert_eq!(receiver.recv().expect("is answered"), (number, vec![Ok(number)]));
        }
        assert!(store.stats().transactions < 500, "{:?}", store.stats());
    }

    pub(super) fn a_batch_that_its_caller_writes_keeps_the_order(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        store.commit_and_wait(batch(vec![run.start()])).expect("commits");
        let (sender, receiver) = channel();
        for number in 2..=500_u64 {
            let sender = sender.clone();
            let done = move |answer: Result<Committed, Error>| {
                sender.send((number, answer.expect("commits").appends)).expect("is awaited");
            };
            match number % 3 {
                0 => store.commit(batch(vec![run.cancel()]), done),
                _ => store.commit_here(batch(vec![run.cancel()]), done),
            }
        }
        let told: Vec<_> = receiver.iter().take(499).collect();
        let expected: Vec<_> = (2..=500).map(|number| (number, vec![Ok(number)])).collect();
        assert_eq!(told, expected);
        assert_healthy(&store);
    }

    pub(super) fn a_receiver_that_panics_disturbs_nobody(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        store.commit(batch(vec![run.start()]), |_| std::panic::resume_unwind(Box::new(())));
        assert_eq!(put(&store, run.cancel()), Ok(2));
    }

    pub(super) fn everything_is_there_after_a_restart(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage").with_key("k", "request"));
        let output = format!("\"{}\"", "x".repeat(2_000));
        let store = place.open();
        put(&store, run.start()).expect("no conflict");
        put(&store, run.claim("fetch", 1)).expect("no conflict");
        let payloads = vec![text(&output)];
        let appends = vec![run.succeed("fetch", 1, &json(&output))];
        store.commit_and_wait(Batch { payloads, appends, ..Batch::default() }).expect("commits");
        store.append_logs(vec![log_line(run.id(), "fetch", 1, 1)]);
        let events = store.run_events(run.id(), 0, 9).expect("reads");
        store.close();

        let store = place.open();
        assert_eq!(store.run_events(run.id(), 0, 9).expect("reads"), events);
        assert_eq!(store.run(run.id()).expect("reads"), Some(run.row.clone()));
        let page = store.logs(run.id(), &LogFilter::default(), 9).expect("reads");
        assert_eq!(page.items, [log_line(run.id(), "fetch", 1, 1)]);
        let key = store.run_of_key(&run.row.workflow, "k").expect("reads");
        assert_eq!(key.map(|(run, _)| run), Some(run.id()));
        assert_eq!(put(&store, run.cancel()), Ok(4));
        assert_healthy(&store);
    }

    pub(super) fn each_start_has_a_higher_epoch(open: Opener) {
        let place = open();
        let epochs = [(); 3].map(|()| place.open().epoch());
        assert_eq!(epochs, [1, 2, 3]);
    }

    pub(super) fn closing_writes_what_is_queued(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        store.commit(batch(vec![run.start()]), |_| {});
        (0..100).for_each(|_| store.commit(batch(vec![run.cancel()]), |_| {}));
        store.append_logs((0..3_000).map(|seq| log_line(run.id(), "fetch", 1, seq)).collect());
        drop(store);
        let store = place.open();
        assert_eq!(store.run_events(run.id(), 0, 1_000).expect("reads").len(), 101);
        let lines = follow(|after| {
            let filter = LogFilter { after, ..LogFilter::default() };
            store.logs(run.id(), &filter, 1_000).expect("reads")
        });
        assert_eq!(lines.len(), 3_000);
    }

    pub(super) fn a_closed_store_says_so(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        store.clone().close();
        let written = store.commit_and_wait(batch(vec![run.start()])).expect_err("is closed");
        let read = store.run(run.id()).expect_err("is closed");
        for error in [written, read] {
            assert_eq!(error.to_string(), "the store has stopped: it was closed");
        }
        store.append_logs(vec![log_line(run.id(), "fetch", 1, 1)]);
        assert_eq!(store.stats().log_lines_dropped, 1);
    }

    pub(super) fn the_last_handle_may_be_dropped_by_a_receiver(open: Opener) {
        let (place, mut run) = (open(), Script::new(1, "triage"));
        let store = place.open();
        let (sender, receiver) = channel();
        let last = store.clone();
        let (go, gone) = channel::<()>();
        store.commit(batch(vec![run.start()]), move |answer| {
            gone.recv().expect_err("the other handle is gone");
            drop(last);
            sender.send(answer).expect("is awaited");
        });
        drop(store);
        drop(go);
        assert_eq!(receiver.recv().expect("is answered").expect("commits").appends, [Ok(1)]);
    }
}

/// No rule of the journal is broken.
pub(crate) fn assert_healthy(store: &Store) {
    assert_eq!(store.check().expect("reads"), Vec::<String>::new());
}

/// All runs that pass the filter, read page by page.
pub(crate) fn pages(store: &Store, filter: &RunFilter, limit: usize) -> Vec<RunRow> {
    follow(|after| {
        let page = store.list_runs(&RunFilter { after, ..filter.clone() }, limit).expect("reads");
        assert!(page.items.len() <= limit);
        page
    })
}

/// Follows the cursors of a list to its end.
pub(crate) fn follow<T>(mut read: impl FnMut(Option<Cursor>) -> Page<T>) -> Vec<T> {
    let (mut all, mut after) = (vec![], None);
    loop {
        let page = read(after);
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Every combination of filters.
fn filters() -> Vec<RunFilter> {
    let times = [None, Some(Timestamp::from_ms(12))];
    let mut filters = vec![];
    for workflow in [None, Some(WorkflowId::new("triage").expect("valid"))] {
        for status in [None, Some(RunStatus::Running), Some(RunStatus::Finished)] {
            for outcome in [None, Some(Outcome::Failed)] {
                for started_after in times {
                    for started_before in [None, Some(Timestamp::from_ms(24))] {
                        filters.push(RunFilter {
                            workflow: workflow.clone(),
                            status,
                            outcome,
                            started_after,
                            started_before,
                            ..RunFilter::default()
                        });
                    }
                }
            }
        }
    }
    filters
}

/// What a filter means, once more in plain words.
pub(crate) fn passes(filter: &RunFilter, row: &RunRow) -> bool {
    filter.workflow.as_ref().is_none_or(|workflow| row.workflow == *workflow)
        && filter.status.is_none_or(|status| row.status == status)
        && filter.outcome.is_none_or(|outcome| row.outcome == Some(outcome))
        && filter.started_after.is_none_or(|at| row.started_at >= at)
        && filter.started_before.is_none_or(|at| row.started_at < at)
}
