//! `taskloom plugin test`: the cases of a plugin, under the limits of a real host, without a network.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use taskloom_connectors::egress::Egress;
use taskloom_core::document::suggest;
use taskloom_core::id::{RunId, TaskId, TaskType, WorkflowId};
use taskloom_wasm::ports::Ports;
use taskloom_wasm::{Call, CallIdentity, CancelToken, Ending, Plugin, Runtime};

use super::super::args::PluginTest;
use super::super::output::{harmless, print, print_json};
use super::super::{Done, Failed};
use super::build::{Options, Unbuilt, component};
use super::cases::{self, Case};
use super::language::Language;
use super::network::Network;
use super::project::{ComponentFile, Project};
use super::result::{self, Tried};
use super::stand_in::StandIn;
use super::witness::Witness;
use super::{World, hints, verdict};

/// The file of a plugin's cases.
const CASES: &str = "tests.toml";

/// The run that every case believes to be part of.
const RUN_ID: &str = "00000000-0000-7000-8000-000000000001";

/// What stands in for the world outside of a host.
#[derive(Default)]
struct Outside {
    network: Arc<Network>,
    stand_in: Arc<StandIn>,
}

impl Outside {
    fn world(&self) -> World {
        let ports = Ports { secrets: self.stand_in.clone(), models: self.stand_in.clone() };
        World { egress: Egress::answered_by(self.network.clone()), ports }
    }
}

pub(in crate::cli) fn test(arguments: &PluginTest, as_json: bool) -> Result<Done, Failed> {
    let outside = Outside::default();
    let runtime = super::runtime(Some(outside.world()))?;
    let component = match found(arguments, &runtime) {
        Ok(component) => component,
        Err(unbuilt) => return unbuilt.told(),
    };
    let cases = match read(arguments, &component).map_err(Failed::invalid)? {
        Ok(cases) => cases,
        Err(problems) => return wrong(&problems),
    };
    let plugin = match loaded(&runtime, &component) {
        Ok(plugin) => plugin,
        Err(unbuilt) => return unbuilt.told(),
    };
    let cases = chosen(cases, &arguments.case).map_err(Failed::invalid)?;
    let typed = match typed(cases, &plugin) {
        Ok(typed) => typed,
        Err(problems) => return wrong(&problems),
    };
    let language = language(&component);
    let tries = super::super::runtime()?.block_on(async {
        let mut tries = Vec::with_capacity(typed.len());
        for (case, task_type) in &typed {
            let tried = tried(&runtime, &plugin, &outside, case, task_type, language).await;
            if !as_json {
                print(&result::told(&tried))?;
            }
            tries.push(tried);
        }
        Ok::<_, Failed>(tries)
    })?;
    let failed = tries.iter().filter(|tried| !tried.passed).count();
    if as_json {
        print_json(&result::all(&tries))?;
    } else {
        print(&result::summary(tries.len(), failed))?;
    }
    Ok(if failed == 0 { Done::Well } else { Done::Badly })
}

/// The component: built now if there are sources, else as it lies there.
fn found(arguments: &PluginTest, runtime: &Runtime) -> Result<ComponentFile, Unbuilt> {
    let PluginTest { path, no_build, offline, .. } = arguments;
    let is_project = path.is_dir() && Language::of(path).is_ok();
    if is_project && !no_build {
        let project = Project::in_folder(path)?;
        let built = component(runtime, &project, Options { offline: *offline })?;
        return Ok(ComponentFile::find(&built.path)?);
    }
    Ok(ComponentFile::find(path)?)
}

/// The language of the project that the component lies in, if it does.
fn language(component: &ComponentFile) -> Option<Language> {
    Language::of(component.path.parent()?).ok()
}

fn loaded(runtime: &Runtime, component: &ComponentFile) -> Result<Arc<Plugin>, Unbuilt> {
    let refused = |what: String, hints| Unbuilt::Refused { what, hints };
    let policy = component.policy().map_err(|problems| refused(problems, Vec::new()))?;
    let shown = component.path.display();
    let stem = component.stem().with_context(|| format!("`{shown}` cannot be tested"))?;
    runtime.load(&stem, &component.bytes, policy).map_err(|error| {
        let hints = hints::of_load(&error, language(component));
        refused(format!("a host would refuse `{shown}`: {error}"), hints)
    })
}

type Problems = Vec<String>;

/// The cases of the file, or everything that is wrong in it.
fn read(
    arguments: &PluginTest,
    component: &ComponentFile,
) -> anyhow::Result<Result<Vec<Case>, Problems>> {
    let beside = || component.path.with_file_name(CASES);
    let path = arguments.cases.clone().unwrap_or_else(beside);
    let source = std::fs::read_to_string(&path).with_context(|| {
        format!("the cases in `{}` cannot be read; `--cases FILE` names others", path.display())
    })?;
    let cases = cases::read(&path, &source);
    Ok(cases.map_err(|problems| problems.iter().map(ToString::to_string).collect()))
}

fn wrong(problems: &[String]) -> Result<Done, Failed> {
    use owo_colors::OwoColorize as _;
    for problem in problems {
        anstream::eprintln!("{} {}", "problem:".red(), harmless(problem));
    }
    Ok(Done::Invalid)
}

/// The cases that were asked for.
fn chosen(cases: Vec<Case>, wanted: &[String]) -> anyhow::Result<Vec<Case>> {
    for name in wanted {
        let names = || cases.iter().map(|case| case.name.as_str());
        if !names().any(|known| known == name) {
            let known: Vec<_> = names().map(|name| format!("`{name}`")).collect();
            bail!("there is no case `{name}`; there are {}", known.join(", "));
        }
    }
    let is_wanted = |case: &Case| wanted.is_empty() || wanted.contains(&case.name);
    Ok(cases.into_iter().filter(is_wanted).collect())
}

/// Each case with the full name of its task type, or all that the plugin does not offer.
fn typed(cases: Vec<Case>, plugin: &Plugin) -> Result<Vec<(Case, TaskType)>, Problems> {
    let types = &plugin.manifest().task_types;
    let mut problems = Vec::new();
    let mut typed = Vec::new();
    for case in cases {
        let known = types
            .keys()
            .find(|known| known.to_string() == case.task_type || known.name() == case.task_type);
        match known {
            Some(known) => typed.push((case, known.clone())),
            None => {
                let names: Vec<_> = types.keys().map(TaskType::name).collect();
                let short = case.task_type.rsplit('.').next().unwrap_or_default();
                let help = match suggest(short, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("`{}` offers `{}`", plugin.name(), names.join("`, `")),
                };
                let Case { line, name, task_type, .. } = &case;
                problems.push(format!(
                    "line {line}: case `{name}`: unknown task type `{task_type}`; {help}"
                ));
            }
        }
    }
    if problems.is_empty() { Ok(typed) } else { Err(problems) }
}

/// Performs a case and judges it.
async fn tried(
    runtime: &Runtime,
    plugin: &Arc<Plugin>,
    outside: &Outside,
    case: &Case,
    task_type: &TaskType,
    language: Option<Language>,
) -> Tried {
    outside.network.expect(&case.exchanges);
    outside.stand_in.expect(&case.secrets, &case.prompts);
    let cancel = CancelToken::new();
    let mut witness = Witness::new(case.clock, &case.files);
    if case.is_cancelled {
        witness = witness.cancelling(cancel.clone());
    }
    let witness = Arc::new(witness);
    let call = Call { cancel, ..call(runtime, plugin, case, task_type, &witness) };
    let limits = call.limits;
    let started = Instant::now();
    let report = runtime.call(plugin, call).await;
    let time = started.elapsed();
    let heard = witness.take();
    let mut differences = outside.network.differences();
    differences.extend(outside.stand_in.differences());
    differences.extend(verdict::of(&case.expected, &report, &heard));
    let help = match (&report.ending, differences.is_empty()) {
        (Ending::Failed { failure, .. }, false) => hints::of_failure(failure, language),
        _ => Vec::new(),
    };
    Tried {
        name: case.name.clone(),
        line: case.line,
        task_type: task_type.to_string(),
        passed: differences.is_empty(),
        differences,
        help,
        report,
        limits,
        time,
        lines: heard.lines,
    }
}

fn call(
    runtime: &Runtime,
    plugin: &Plugin,
    case: &Case,
    task_type: &TaskType,
    witness: &Arc<Witness>,
) -> Call {
    Call {
        task_type: task_type.clone(),
        input: Arc::clone(&case.input),
        identity: CallIdentity {
            run_id: RUN_ID.parse::<RunId>().expect("valid"),
            workflow_id: WorkflowId::new("test").expect("valid"),
            task_id: TaskId::new("case").expect("valid"),
            attempt: case.attempt,
            max_attempts: case.max_attempts,
            idempotency_key: format!("{RUN_ID}/case"),
            traceparent: None,
        },
        limits: runtime.limits(plugin, task_type, &case.limits),
        context: Arc::new(case.context.clone()),
        ai_spent: taskloom_core::attempt::AiSpent::default(),
        heartbeat: None,
        cancel: CancelToken::new(),
        observer: Arc::clone(witness) as Arc<dyn taskloom_wasm::CallObserver>,
    }
}
