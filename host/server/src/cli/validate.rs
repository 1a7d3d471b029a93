//! `taskloom validate`: all that is wrong with workflow files.

use std::path::Path;

use anyhow::anyhow;
use owo_colors::OwoColorize as _;
use serde::Serialize;
use taskloom_core::definition::{self, NO_CONFIG_VALUE};

use super::args::{Folders, Validate};
use super::embedded::Embedded;
use super::output::{one_line, print, print_json};
use super::{Done, Failed, runtime};
use crate::api::types::{Problem, Validation};
use crate::config::{Config, Log, Settings, Source};

/// What came of a file.
#[derive(Serialize)]
struct Checked {
    file: String,
    #[serde(flatten)]
    validation: Validation,
}

pub(super) fn validate(arguments: &Validate) -> Result<Done, Failed> {
    let settings = settings(arguments)?;
    let mut config = settings.config()?;
    config.log = Log { level: "error".to_owned(), ..config.log };
    super::logging::start(&config.log)?;
    let wanted = settings.get("plugins.folder").source != Source::Default;
    if wanted && !config.plugins.folder.is_dir() {
        let folder = config.plugins.folder.display();
        return Err(Failed::invalid(anyhow!("the plugins folder `{folder}` is not there")));
    }
    let with_plugins = config.plugins.folder.is_dir();
    let checked = runtime()?.block_on(check(config, arguments, with_plugins))?;
    let is_valid = checked.iter().all(|checked| checked.validation.valid);
    if arguments.json {
        print_json(
            &serde_json::json!({ "valid": is_valid, "types_checked": with_plugins, "files": checked }),
        )?;
    } else {
        print(&checked.iter().map(told).collect::<String>())?;
        if !with_plugins {
            anstream::eprintln!(
                "task types were not checked: no plugins folder; name it by `--plugins`"
            );
        }
    }
    Ok(if is_valid { Done::Well } else { Done::Invalid })
}

fn settings(arguments: &Validate) -> Result<Settings, Failed> {
    let Validate { config, plugins, .. } = arguments;
    let folders = Folders { config: config.clone(), data: None, plugins: plugins.clone() };
    Ok(Settings::load(&folders.sources(Vec::new()))?)
}

async fn check(
    config: Config,
    arguments: &Validate,
    with_plugins: bool,
) -> Result<Vec<Checked>, Failed> {
    let host = if with_plugins {
        let host = Embedded::start(config, None).map_err(Failed::invalid)?;
        host.settled().await;
        Some(host)
    } else {
        None
    };
    let checked = arguments.files.iter().map(|file| check_file(file, host.as_ref())).collect();
    if let Some(host) = host {
        host.stop().await?;
    }
    Ok(checked)
}

fn check_file(file: &Path, host: Option<&Embedded>) -> Checked {
    let name = file.display().to_string();
    let source = match std::fs::read_to_string(file) {
        Ok(source) => source,
        Err(error) => {
            let problem = Problem {
                message: format!("the file cannot be read: {error}"),
                code: Some("unreadable".to_owned()),
                file: Some(name.clone()),
                line: Some(1),
                column: Some(1),
                ..Problem::default()
            };
            let validation = Validation { valid: false, workflow: None, problems: vec![problem] };
            return Checked { file: name, validation };
        }
    };
    let reading = definition::read(&name, &source);
    let types = reading.definition.iter().flat_map(|definition| {
        host.map(|host| host.app.workflows.check_types(definition)).unwrap_or_default()
    });
    // The host that will run it may have other values than this machine.
    let types: Vec<_> = types.filter(|problem| problem.code != NO_CONFIG_VALUE).collect();
    let problems: Vec<_> = reading.problems.into_iter().chain(types).map(Problem::from).collect();
    let workflow = reading.definition.map(|definition| (&*definition.workflow).into());
    Checked {
        file: name,
        validation: Validation { valid: problems.is_empty(), workflow, problems },
    }
}

fn told(checked: &Checked) -> String {
    let Checked { file, validation } = checked;
    match &validation.workflow {
        Some(workflow) if validation.valid => format!(
            "{file}: {} {} {}, {} tasks\n",
            "ok".green(),
            workflow.id,
            workflow.version,
            workflow.tasks_total
        ),
        _ => {
            let line = |problem: &Problem| {
                format!("{} {}\n", "problem:".red(), one_line(&problem.to_string()))
            };
            validation.problems.iter().map(line).collect()
        }
    }
}
