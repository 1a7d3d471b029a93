//! `taskloom run`: one run to its end, by a host of its own.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use owo_colors::OwoColorize as _;
use taskloom_core::context;
use taskloom_core::definition::{self, Definition};
use taskloom_core::id::RunId;
use taskloom_core::journal::Trigger;
use taskloom_core::schema::Schema;

use super::args::{Folders, Run as Arguments};
use super::embedded::Embedded;
use super::output::{one_line, print, print_json};
use super::progress::Progress;
use super::{Done, Failed, input, logging, runtime, show};
use crate::api::types::{Event, Outcome};
use crate::api::{self, delay};
use crate::app::App;
use crate::config::{Config, Log, Settings, Source};
use crate::engine::{Begins, StartRun};

/// Events that are read at once.
const EVENTS_PER_READ: usize = 256;

/// The exit code when the run was interrupted twice.
const INTERRUPTED: i32 = 130;

pub(super) fn run(arguments: &Arguments) -> Result<Done, Failed> {
    let config = config(arguments)?;
    logging::start(&config.log)?;
    let definition = read_definition(&arguments.workflow)?;
    let values = input::read_values(arguments.input.as_deref(), arguments.context.as_deref());
    let (input, context) = values.map_err(Failed::invalid)?;
    check_input(&definition, &input)?;
    let begins = begins(arguments).map_err(Failed::invalid)?;
    let violations = context.as_deref().map(context::violations).unwrap_or_default();
    if !violations.is_empty() {
        return Err(wrong("the context cannot be used", &violations));
    }
    runtime()?.block_on(async {
        let host = Embedded::start(config, arguments.data.as_deref()).map_err(Failed::invalid)?;
        host.settled().await;
        let done = perform(&host.app, definition, (input, context), begins, arguments).await;
        let stopped = host.stop().await;
        let done = done?;
        stopped?;
        Ok(done)
    })
}

/// A host's configuration, that says only what is wrong unless it was told otherwise.
fn config(arguments: &Arguments) -> Result<Config, Failed> {
    let Arguments { config, plugins, .. } = arguments;
    let folders = Folders { config: config.clone(), data: None, plugins: plugins.clone() };
    let settings = Settings::load(&folders.sources(Vec::new()))?;
    let mut config = settings.config()?;
    if settings.get("log.level").source == Source::Default {
        config.log = Log { level: "error".to_owned(), ..config.log };
    }
    Ok(config)
}

fn read_definition(file: &Path) -> Result<Arc<Definition>, Failed> {
    let name = file.display().to_string();
    let source = std::fs::read_to_string(file)
        .with_context(|| format!("the workflow `{name}` cannot be read"))
        .map_err(Failed::invalid)?;
    let reading = definition::read(&name, &source);
    match reading.definition {
        Some(definition) => Ok(definition),
        None => Err(wrong("the workflow is wrong", &reading.problems)),
    }
}

/// When the run begins, if not at once.
fn begins(arguments: &Arguments) -> Result<Option<Begins>> {
    let begins = delay::begins(arguments.at.as_deref(), arguments.delay.as_deref());
    begins.map_err(|(field, why)| {
        let flag = if field == "start_at" { "--at" } else { "--delay" };
        anyhow!("{flag}: {why}")
    })
}

fn check_input(definition: &Definition, input: &str) -> Result<(), Failed> {
    let schema = Schema::compile(&definition.workflow.input_schema);
    let schema = schema.map_err(Failed::invalid)?;
    let value = serde_json::from_str(input).context("the input is not JSON");
    let violations = schema.violations(&value.map_err(Failed::invalid)?);
    if violations.is_empty() {
        return Ok(());
    }
    Err(wrong("the input does not fit the workflow's input schema", &violations))
}

async fn perform(
    app: &App,
    definition: Arc<Definition>,
    (input, context): (Arc<str>, Option<Arc<str>>),
    begins: Option<Begins>,
    arguments: &Arguments,
) -> Result<Done, Failed> {
    let problems = app.workflows.check_types(&definition);
    if !problems.is_empty() {
        let plugins: Vec<_> = definition.workflow.plugins().into_iter().collect();
        let mut lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        lines.extend(app.workflows.refusals(&plugins));
        return Err(wrong("the workflow cannot run with the plugins that are loaded", &lines));
    }
    let (id, version) = (definition.workflow.id.clone(), definition.workflow.version.clone());
    let start = StartRun {
        definition,
        input,
        context,
        trigger: Trigger::Cli,
        trigger_name: None,
        idempotency: None,
        traceparent: None,
        priority: None,
        rerun: None,
        parent: None,
        run: None,
        no_cache: arguments.no_cache,
        begins,
    };
    let run = app.engine.start_run(start).await.map_err(anyhow::Error::from)?.run;
    anstream::eprintln!("{}", format!("run {run} of {id} {version}").dimmed());
    if begins.is_some()
        && let Some(held) = &api::show_run(app, run).await.map_err(anyhow::Error::from)?.held
    {
        anstream::eprintln!("{}", show::held_for(held).dimmed());
    }
    follow(app, run).await?;
    let ended = api::show_run(app, run).await.map_err(anyhow::Error::from)?;
    if arguments.json {
        print_json(&ended)?;
    } else {
        let (word, style) = show::state(ended.status.as_str(), ended.outcome);
        let took = show::elapsed(Some(&ended.started_at), ended.ended_at.as_deref());
        let took = show::duration(took.unwrap_or_default());
        anstream::eprintln!("run {} in {took}", word.style(style));
        if let Some(failure) = &ended.failure {
            anstream::eprintln!("{} {}", "error:".red().bold(), show::reason(failure));
        }
        if let Some(output) = &ended.output {
            print(&format!("{}\n", show::indented(output.get())))?;
        }
    }
    Ok(if ended.outcome == Some(Outcome::Succeeded) { Done::Well } else { Done::Badly })
}

/// Tells what the run does until it has ended. Ctrl-C cancels it, a second one ends the program.
async fn follow(app: &App, run: RunId) -> Result<()> {
    let mut watch = app.engine.watch(run);
    let mut progress = Progress::default();
    let mut after = 0;
    let mut interrupted = false;
    loop {
        let news = app.reader.events(run, after, EVENTS_PER_READ).await?;
        for event in news.into_iter().map(Event::from) {
            after = event.seq;
            progress.tell(&event);
            if event.kind == "run-finished" {
                return Ok(());
            }
        }
        let waits = app.engine.waits(run).await;
        let tasks = waits.blocked.into_iter().map(|(task, why)| (task.to_string(), why));
        let end = waits.end.map(|why| ("the end".to_owned(), why));
        let waits: Vec<_> = tasks.chain(end).collect();
        progress.tell_waits(&waits);
        tokio::select! {
            more = watch.changed() => if !more {
                bail!("the engine has stopped before the run ended; the log says why");
            },
            _ = tokio::signal::ctrl_c() => {
                if std::mem::replace(&mut interrupted, true) {
                    std::process::exit(INTERRUPTED);
                }
                // A run that has ended in the meantime needs no word.
                let _ = app.engine.cancel_run(run, "interrupted by Ctrl-C".to_owned()).await;
            }
        }
    }
}

/// Several things that are wrong, one a line.
fn wrong<P: std::fmt::Display>(what: &str, problems: &[P]) -> Failed {
    let lines: String =
        problems.iter().map(|problem| format!("\n  {}", one_line(&problem.to_string()))).collect();
    Failed::invalid(anyhow!("{what}:{lines}"))
}
