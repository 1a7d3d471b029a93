//! The view of runs: one row a run, for lists and for the next start of the host.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params, params_from_iter};
use taskloom_core::failure::Outcome;
use taskloom_core::id::{RunId, WorkflowId};
use taskloom_core::journal::{IdempotencyKey, StreamId, Trigger};
use taskloom_core::run::RunStatus;

use crate::column;
use crate::page::{Cursor, Page, rows_to_read};
use crate::rows::{RunFilter, RunRow};

const COLUMNS: &str = "id, workflow, version, definition, status, outcome, priority, started_at, \
                       ended_at, tasks_total, tasks_ended, wake_at, key, request, trigger, stream, \
                       parent, rerun_of, concurrency_key, trigger_name";

/// Writes the row of a run whose stream has the key `stream`.
pub(crate) fn put(connection: &Connection, stream: i64, run: &RunRow) -> Result<()> {
    let (key, request) = match &run.idempotency {
        Some(idempotency) => (Some(&idempotency.key), Some(idempotency.request.as_bytes())),
        None => (None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO run (stream, id, workflow, version, definition, status, outcome,
                 priority, started_at, ended_at, tasks_total, tasks_ended, wake_at, key, request,
                 trigger, parent, rerun_of, concurrency_key, trigger_name)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                 $18, $19, $20)
             ON CONFLICT (stream) DO UPDATE SET
                 status = excluded.status, outcome = excluded.outcome,
                 priority = excluded.priority, ended_at = excluded.ended_at,
                 tasks_total = excluded.tasks_total, tasks_ended = excluded.tasks_ended,
                 wake_at = excluded.wake_at",
        )?
        .execute(params![
            stream,
            run.id.as_bytes(),
            run.workflow.as_str(),
            run.version,
            run.definition.as_bytes(),
            run.status.as_str(),
            run.outcome.map(Outcome::as_str),
            run.priority,
            run.started_at.as_ms(),
            run.ended_at.map(|at| at.as_ms()),
            run.tasks_total,
            run.tasks_ended,
            run.wake_at.map(|at| at.as_ms()),
            key,
            request,
            run.trigger.as_str(),
            run.parent.as_ref().map(RunId::as_bytes),
            run.rerun_of.as_ref().map(RunId::as_bytes),
            run.concurrency_key,
            run.trigger_name,
        ])?;
    Ok(())
}

/// Writes what changes in a row while the run's status stays what it is: no index is touched.
pub(crate) fn put_progress(connection: &Connection, stream: i64, run: &RunRow) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE run SET priority = $1, tasks_total = $2, tasks_ended = $3, wake_at = $4
             WHERE stream = $5",
        )?
        .execute(params![
            run.priority,
            run.tasks_total,
            run.tasks_ended,
            run.wake_at.map(|at| at.as_ms()),
            stream,
        ])?;
    Ok(())
}

/// The row of one run.
pub(crate) fn get(connection: &Connection, run: RunId) -> Result<Option<RunRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM run WHERE stream = (SELECT id FROM stream WHERE name = $1)"
        ))?
        .query_row([column::stream_name(&StreamId::Run(run))], read)
        .optional()
}

/// Every run that has not ended, oldest first.
pub(crate) fn unfinished(connection: &Connection) -> Result<Vec<RunRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM run INDEXED BY run_unfinished
             WHERE outcome IS NULL ORDER BY started_at, stream"
        ))?
        .query_map([], read)?
        .collect()
}

/// The live runs of a workflow under a concurrency key, oldest first.
pub(crate) fn live_of_key(
    connection: &Connection,
    workflow: &WorkflowId,
    key: &str,
) -> Result<Vec<RunRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM run INDEXED BY run_live_of_key
             WHERE workflow = $1 AND concurrency_key = $2 AND outcome IS NULL
             ORDER BY started_at, stream"
        ))?
        .query_map(params![workflow.as_str(), key], read)?
        .collect()
}

/// One page of the runs that pass the filter, newest first.
pub(crate) fn list(
    connection: &Connection,
    filter: &RunFilter,
    limit: usize,
) -> Result<Page<RunRow>> {
    let (limit, rows_max) = rows_to_read(limit);
    let (sql, mut values) = query(filter);
    values.push(rows_max.into());
    let rows = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            let run = read(row)?;
            Ok((Cursor { order: run.started_at.as_ms(), row: row.get(15)? }, run))
        })?
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::of(rows, limit))
}

/// The text of a list, but for the value of its limit.
///
/// The index is named, not left to the planner: without statistics it would walk through all runs
/// of a busy workflow to find its failed ones.
fn query(filter: &RunFilter) -> (String, Vec<Value>) {
    let mut conditions = vec![];
    let mut values: Vec<Value> = vec![];
    let mut narrow = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(workflow) = &filter.workflow {
        narrow("workflow = ?", workflow.as_str().to_owned().into());
    }
    if let Some(status) = filter.status {
        narrow("status = ?", status.as_str().to_owned().into());
    }
    if let Some(outcome) = filter.outcome {
        narrow("outcome = ?", outcome.as_str().to_owned().into());
    }
    if let Some(trigger) = filter.trigger {
        narrow("trigger = ?", trigger.as_str().to_owned().into());
    }
    if let Some(parent) = &filter.parent {
        narrow("parent = ?", parent.as_bytes().to_vec().into());
    }
    if let Some(rerun_of) = &filter.rerun_of {
        narrow("rerun_of = ?", rerun_of.as_bytes().to_vec().into());
    }
    if let Some(at) = filter.started_after {
        narrow("started_at >= ?", at.as_ms().into());
    }
    if let Some(at) = filter.started_before {
        narrow("started_at < ?", at.as_ms().into());
    }
    if let Some(after) = filter.after {
        narrow("started_at <= ?", after.order.into());
        let order = values.len();
        values.push(after.row.into());
        conditions.push(format!("(started_at < ${order} OR stream < ${})", values.len()));
    }
    if is_unfinished(filter.status) {
        conditions.push("outcome IS NULL".to_owned());
    }
    let all = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    let sql = format!(
        "SELECT {COLUMNS} FROM run INDEXED BY {} WHERE {all}
         ORDER BY started_at DESC, stream DESC LIMIT ${}",
        index(filter),
        values.len() + 1
    );
    (sql, values)
}

/// The index that leads straight to the newest runs which pass the filter.
fn index(filter: &RunFilter) -> &'static str {
    match (&filter.workflow, filter.outcome) {
        // Each of these names a few runs only.
        _ if filter.rerun_of.is_some() => "run_rerun_of",
        _ if filter.parent.is_some() => "run_parent",
        _ if is_unfinished(filter.status) => "run_unfinished",
        (Some(_), Some(_)) => "run_workflow_outcome",
        (None, Some(_)) => "run_outcome",
        (_, None) if filter.trigger.is_some_and(|trigger| trigger != Trigger::Api) => "run_trigger",
        (Some(_), None) => "run_workflow",
        (None, None) if filter.trigger.is_some() => "run_trigger",
        (None, None) => "run_started",
    }
}

fn is_unfinished(status: Option<RunStatus>) -> bool {
    status.is_some_and(|status| status != RunStatus::Finished)
}

fn read(row: &Row<'_>) -> Result<RunRow> {
    Ok(RunRow {
        id: column::run_id(row, 0)?,
        workflow: column::parsed(row, 1)?,
        version: row.get(2)?,
        definition: column::digest(row, 3)?,
        status: status(row, 4)?,
        outcome: outcome(row, 5)?,
        priority: row.get(6)?,
        started_at: column::time(row, 7)?,
        ended_at: column::time_or_none(row, 8)?,
        tasks_total: row.get(9)?,
        tasks_ended: row.get(10)?,
        wake_at: column::time_or_none(row, 11)?,
        idempotency: idempotency(row)?,
        trigger: column::word(row, 14)?,
        parent: column::run_id_or_none(row, 16)?,
        rerun_of: column::run_id_or_none(row, 17)?,
        concurrency_key: row.get(18)?,
        trigger_name: row.get(19)?,
    })
}

fn status(row: &Row<'_>, index: usize) -> Result<RunStatus> {
    let word = row.get_ref(index)?.as_str()?;
    RunStatus::parse(word).ok_or_else(|| column::unreadable(index, format!("no status `{word}`")))
}

fn outcome(row: &Row<'_>, index: usize) -> Result<Option<Outcome>> {
    let Some(word) = row.get_ref(index)?.as_str_or_null()? else { return Ok(None) };
    match Outcome::parse(word) {
        Some(outcome) => Ok(Some(outcome)),
        None => Err(column::unreadable(index, format!("no outcome `{word}`"))),
    }
}

fn idempotency(row: &Row<'_>) -> Result<Option<IdempotencyKey>> {
    let key: Option<String> = row.get(12)?;
    let request = column::digest_or_none(row, 13)?;
    Ok(key.zip(request).map(|(key, request)| IdempotencyKey { key, request }))
}

#[cfg(test)]
mod tests {
    use taskloom_core::time::Timestamp;

    use super::*;
    use crate::schema;

    /// Every combination of filters.
    fn filters() -> impl Iterator<Item = RunFilter> {
        (0..512_u32).flat_map(|bits| {
            let given = move |bit: u32| bits & (1 << bit) != 0;
            [RunStatus::Running, RunStatus::Finished].map(|status| RunFilter {
                workflow: given(0).then(|| WorkflowId::new("triage").expect("valid")),
                status: given(1).then_some(status),
                outcome: given(2).then_some(Outcome::Failed),
                started_after: given(3).then_some(Timestamp::from_ms(1)),
                started_before: given(4).then_some(Timestamp::from_ms(9)),
                after: given(5).then_some(Cursor { order: 5, row: 5 }),
                trigger: given(6).then_some(if given(0) { Trigger::Api } else { Trigger::Rerun }),
                parent: given(7).then_some(RunId::new(uuid::Uuid::nil())),
                rerun_of: given(8).then_some(RunId::new(uuid::Uuid::nil())),
            })
        })
    }

    #[test]
    fn every_list_is_read_from_its_index_without_sorting() {
        let mut connection = Connection::open_in_memory().expect("opens");
        schema::migrate(&mut connection, schema::MIGRATIONS).expect("migrates");
        for filter in filters() {
            let (sql, mut values) = query(&filter);
            values.push(10.into());
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .expect("a query")
                .query_map(params_from_iter(values), |row| row.get(3))
                .and_then(Iterator::collect)
                .expect("a plan");
            let used = format!("USING INDEX {}", index(&filter));
            assert!(plan.len() == 1 && plan[0].contains(&used), "{filter:?}: {plan:?}");
        }
    }
}
