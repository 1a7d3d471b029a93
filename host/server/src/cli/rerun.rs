//! `taskloom runs rerun|rerun-all`: runs again what has ended.

use anyhow::Result;
use owo_colors::OwoColorize as _;
use serde_json::Value;

use super::Done;
use super::args::{Remote, RunsRerun, RunsRerunAll};
use super::client::{Client, Request};
use super::output::{harmless, one_line, print, print_json};
use super::runs::read;
use super::steer::rerun_start;
use super::table::{Cell, Table};
use crate::api::types::{
    Rerun, RerunMany, RerunOfOne, RerunPreview, RerunStart, RerunsOfMany, Run, RunFilter,
};

/// Runs one run again, or says what that would do.
pub(super) async fn one(client: &Client, remote: &Remote, rerun: RunsRerun) -> Result<Done> {
    let body = match rerun.tasks.is_empty() {
        true => Rerun { from: Some(rerun_start(rerun.from)), tasks: None },
        false => Rerun { from: Some(RerunStart::Tasks), tasks: Some(rerun.tasks) },
    };
    let path = ["runs", rerun.run.as_str(), "rerun", "preview"];
    let path = if rerun.preview { &path[..] } else { &path[..3] };
    let answer = client.post(path, &body).await?;
    if remote.json {
        print_json(&answer)?;
    } else if rerun.preview {
        print(&previewed(&read(answer)?))?;
    } else {
        let run: Run = read(answer)?;
        print(&format!("{}\n", run.id))?;
    }
    Ok(Done::Well)
}

fn previewed(preview: &RerunPreview) -> String {
    let lines = |title: &str, tasks: &[String]| {
        let mut text = format!("{}\n", title.bold());
        if tasks.is_empty() {
            text.push_str("  nothing\n");
        }
        for task in tasks {
            text.push_str(&format!("  {}\n", one_line(task)));
        }
        text
    };
    lines("taken over", &preview.reused) + &lines("runs again", &preview.again)
}

/// Runs many runs again, or says which.
pub(super) async fn all(client: &Client, remote: &Remote, all: RunsRerunAll) -> Result<Done> {
    let body = RerunMany {
        filter: RunFilter {
            workflow: all.workflow,
            outcome: all.outcome,
            started_after: all.started_after,
            started_before: all.started_before,
            trigger: None,
            cursor: all.cursor,
        },
        from: Some(rerun_start(all.from)),
        limit: Some(all.limit),
        again: Some(all.again),
        dry_run: Some(all.preview),
    };
    let mut request = Request::post(&["runs", "rerun"], &body)?;
    if let Some(key) = &all.idempotency_key {
        request = request.header("idempotency-key", key)?;
    }
    let answer: Value = client.send(request).await?;
    let reruns: RerunsOfMany = read(answer.clone())?;
    if remote.json {
        print_json(&answer)?;
    } else {
        print(&told(&reruns))?;
    }
    let is_bad = reruns.runs.iter().any(|one| one.refused.is_some());
    Ok(if is_bad { Done::Badly } else { Done::Well })
}

fn told(reruns: &RerunsOfMany) -> String {
    let mut text = String::new();
    if reruns.runs.is_empty() {
        text.push_str("no runs\n");
    } else {
        let mut table = Table::new(&["RUN", "WORKFLOW", "REUSED", "AGAIN", "NEW RUN"]);
        for one in &reruns.runs {
            table.row(vec![
                one.run.as_str().into(),
                one_line(&one.workflow).into(),
                one.reused.to_string().into(),
                one.tasks_again.to_string().into(),
                became(one),
            ]);
        }
        text.push_str(&table.print());
    }
    if reruns.again > 0 {
        let left_out = format!("{} were run again before; --again takes them too", reruns.again);
        text.push_str(&format!("{}\n", left_out.dimmed()));
    }
    if let Some(cursor) = &reruns.next_cursor {
        text.push_str(&format!("{}\n", format!("more: --cursor {cursor}").dimmed()));
    }
    text
}

fn became(one: &RerunOfOne) -> Cell {
    match (&one.refused, &one.rerun) {
        (Some(problem), _) => {
            let why = one_line(&harmless(&problem.detail));
            Cell::styled(why, owo_colors::Style::new().red())
        }
        (None, Some(run)) => run.as_str().into(),
        (None, None) => "-".into(),
    }
}
