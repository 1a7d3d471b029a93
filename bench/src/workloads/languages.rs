//! What a plugin costs in each language: loading it, and a call of a handler that does nothing.
//!
//! A call is measured as the host makes it, in a fresh instance from the pool and in one that serves one call after another,
//! beside what it takes without a plan: the same component linked and instantiated anew for each call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use taskloom_core::attempt::AiSpent;
use taskloom_core::id::{PluginName, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::plugin::LimitsWish;
use taskloom_core::time::Timestamp;
use taskloom_wasm::yardstick::{Naive, naive_calls};
use taskloom_wasm::{
    Call, CallIdentity, CallObserver, CancelToken, Ending, LogRecord, Plugin, Policy, Runtime,
    RuntimeConfig,
};

use crate::figures::{ms, percentile, us};
use crate::host::Place;
use crate::report::{Reach, Report};

/// The language, the component and the task type that does nothing.
const GUESTS: [(&str, &str, &str); 3] =
    [("rust", "hostile", "noop"), ("js", "conform-js", "noop"), ("python", "conform-py", "noop")];

/// The task type whose instances serve one call after another, in components that have it.
const REUSING: &str = "count-calls";

/// What an operator grants for that.
const REUSE: &str = "[reuse]\nwithin = \"plugin\"\ncalls = 1000000\n";

/// Calls of each kind that are timed.
const CALLS: u32 = 300;

/// How much cheaper a call has to be than without a plan, where a language carries an engine.
const TIMES_CHEAPER: f64 = 5.0;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    for (language, component, short) in GUESTS {
        let id = format!("languages.{language}");
        if !report.wants(&id) {
            continue;
        }
        match place.component(component) {
            Ok(bytes) => guest(place, report, &id, component, (short, &bytes))?,
            Err(error) => eprintln!("left out: {id}: {error:#}"),
        }
    }
    Ok(())
}

fn guest(
    place: &Place,
    report: &Report,
    id: &str,
    name: &str,
    (short, bytes): (&str, &[u8]),
) -> Result<()> {
    let folder = place.scratch()?;
    let config = || RuntimeConfig {
        cache_folder: Some(folder.path().to_owned()),
        ..RuntimeConfig::default()
    };
    let stem = PluginName::new(name).context("a name")?;
    let granted = Policy::read("the benchmark", REUSE).map_err(|_| anyhow!("a policy"))?;
    let load = |runtime: &Runtime| -> Result<(Arc<Plugin>, Duration)> {
        let started = Instant::now();
        let plugin = runtime.load(&stem, bytes, Policy::default())?;
        Ok((plugin, started.elapsed()))
    };
    let (_, compiled) = load(&Runtime::new(config())?)?;
    let runtime = Runtime::new(config())?;
    let (plugin, cached) = load(&runtime)?;
    let times = calls(&runtime, &plugin, short)?;
    let call = percentile(&times, 0.5);
    let naive = |naive| naive_calls(naive, bytes, short, "{}", CALLS / 3);
    let (copying, defaults) = (naive(Naive::Copying)?.p50, naive(Naive::Defaults)?.p50);
    let note = format!(
        "a call in a fresh instance; p99 {:.0} µs; instantiated naively {:.0} µs ({:.1} times), with the library's defaults \
         {:.0} µs ({:.1} times)",
        us(percentile(&times, 0.99)),
        us(copying),
        us(copying) / us(call),
        us(defaults),
        us(defaults) / us(call),
    );
    report.line(id, (us(call), "us"), Some(us(copying)), Reach::Nothing, ("none", note))?;
    reused(report, id, &runtime.load(&stem, bytes, granted)?, &runtime, copying)?;
    let note =
        format!("{:.1} MB; compiled in {:.1} s", bytes.len() as f64 / 1e6, compiled.as_secs_f64());
    let load_id = format!("{id}.load");
    report.line(&load_id, (ms(cached), "ms"), None, Reach::Nothing, ("none", note))
}

/// A call in an instance that has served others, if the component lets it.
fn reused(
    report: &Report,
    id: &str,
    plugin: &Arc<Plugin>,
    runtime: &Runtime,
    copying: Duration,
) -> Result<()> {
    if !plugin.manifest().capabilities.reuse {
        return Ok(());
    }
    let times = calls(runtime, plugin, REUSING)?;
    let (call, naive) = (us(percentile(&times, 0.5)), us(copying));
    let note = format!(
        "a call in an instance that serves one after another, where plugin and operator want it; p99 {:.0} µs; instantiated \
         naively {naive:.0} µs ({:.1} times)",
        us(percentile(&times, 0.99)),
        naive / call,
    );
    let reach = Reach::AtMost(naive / TIMES_CHEAPER);
    report.line(&format!("{id}.reused"), (call, "us"), Some(naive), reach, ("none", note))
}

/// The times of calls, one after the other, as the host makes them.
fn calls(runtime: &Runtime, plugin: &Arc<Plugin>, short: &str) -> Result<Vec<Duration>> {
    let task_type = TaskType::new(&format!("{}.{short}", plugin.name()))?;
    let limits = runtime.limits(plugin, &task_type, &LimitsWish::default());
    let call = Call {
        task_type,
        input: "{}".into(),
        identity: CallIdentity {
            run_id: "00000000-0000-7000-8000-000000000000".parse::<RunId>()?,
            workflow_id: WorkflowId::new("bench")?,
            task_id: TaskId::new("bench")?,
            attempt: 1,
            max_attempts: 1,
            idempotency_key: "bench".to_owned(),
            traceparent: None,
        },
        limits,
        context: Arc::default(),
        ai_spent: AiSpent::default(),
        heartbeat: None,
        cancel: CancelToken::new(),
        observer: Arc::new(Deaf),
    };
    let waiting = tokio::runtime::Builder::new_current_thread().build()?;
    let mut times = Vec::new();
    // The first ones fill the pool.
    for number in 0..CALLS + CALLS / 10 {
        let started = Instant::now();
        let report = waiting.block_on(runtime.call(plugin, call.clone()));
        let elapsed = started.elapsed();
        let Ending::Succeeded(_) = report.ending else { bail!("a call failed: {report:?}") };
        if number >= CALLS / 10 {
            times.push(elapsed);
        }
    }
    Ok(times)
}

/// Hears nothing.
struct Deaf;

impl CallObserver for Deaf {
    fn started(&self) -> Timestamp {
        Timestamp::from_ms(0)
    }

    fn log(&self, _record: LogRecord) {}
}
