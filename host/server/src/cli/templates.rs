//! `taskloom templates`: asks a host about its templates, makes workflows of them and them of
//! workflows. `create --to` needs no host.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use owo_colors::OwoColorize as _;
use serde_json::{Map, Value, json};
use taskloom_core::definition;
use taskloom_core::definition::template::{InstantiateError, WorkflowTemplate, read_template};
use taskloom_core::document::Problem;
use taskloom_core::id::WorkflowId;

use super::args::{Create, Remote, Templates, TemplatesCommand};
use super::client::Client;
use super::output::{one_line, print, print_json};
use super::runs::read;
use super::table::Table;
use super::workflows::{from, text_of};
use super::{Done, Failed, runtime, workflows};
use crate::api::types::{Template, TemplateList};
use crate::config::{Settings, Sources};

pub(super) fn templates(arguments: Templates) -> Result<Done, Failed> {
    let Templates { remote, command } = arguments;
    if let TemplatesCommand::Create(create) = &command
        && let Some(to) = &create.to
    {
        return written(create, to).map(|()| Done::Well);
    }
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    runtime()?.block_on(perform(&client, &remote, command)).map(|()| Done::Well)
}

async fn perform(
    client: &Client,
    remote: &Remote,
    command: TemplatesCommand,
) -> Result<(), Failed> {
    match command {
        TemplatesCommand::List => Ok(listed(client, remote).await?),
        TemplatesCommand::Show { id } => Ok(shown(client, remote, &id).await?),
        TemplatesCommand::Create(create) => created(client, remote, &create).await,
        TemplatesCommand::Save { workflow, template, param } => {
            let params = param.iter().map(|pair| {
                let (name, at) = split(pair)?;
                Ok((name.to_owned(), json!({ "at": at })))
            });
            let params = params.collect::<Result<Map<_, _>>>().map_err(Failed::invalid)?;
            let body = json!({ "id": template, "params": params });
            let answer = client.post(&["workflows", &workflow, "template"], &body).await?;
            Ok(told(remote, answer)?)
        }
        TemplatesCommand::Put { file } => {
            let text = text_of(&file).map_err(Failed::invalid)?;
            let name = file.display();
            let id = definition::id_of(&text)
                .ok_or_else(|| Failed::invalid(anyhow!("`{name}` has no `id`")))?;
            let answer = client.put_toml(&["templates", &id], &[], text).await?;
            Ok(told(remote, answer)?)
        }
        TemplatesCommand::Delete { id } => {
            client.delete(&["templates", &id]).await?;
            Ok(print(&format!("template {id} is deleted\n"))?)
        }
        TemplatesCommand::Versions { id } => {
            Ok(workflows::versions(client, remote, "templates", &id).await?)
        }
    }
}

async fn listed(client: &Client, remote: &Remote) -> Result<()> {
    let answer = client.get(&["templates"], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let list: TemplateList = read(answer)?;
    let mut table = Table::new(&["TEMPLATE", "VERSION", "FROM", "NAME", "PARAMETERS"]);
    for template in &list.templates {
        table.row(vec![
            template.id.as_str().into(),
            one_line(&template.version).into(),
            from(&template.origin).into(),
            one_line(&template.name).into(),
            one_line(&template.params.join(", ")).into(),
        ]);
    }
    let mut text =
        if list.templates.is_empty() { "no templates\n".to_owned() } else { table.print() };
    for file in &list.broken_files {
        for problem in &file.problems {
            text.push_str(&format!(
                "{}: {}\n",
                one_line(&file.file),
                one_line(&problem.to_string())
            ));
        }
    }
    Ok(print(&text)?)
}

async fn shown(client: &Client, remote: &Remote, id: &str) -> Result<()> {
    let answer = client.get(&["templates", id], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let template: Template = read(answer)?;
    let summary = &template.summary;
    let mut text = format!(
        "{} {}  {}\n{}\n\n",
        summary.id.bold(),
        one_line(&summary.version),
        from(&summary.origin).dimmed(),
        one_line(&summary.description)
    );
    let required = template.params_schema.get("required").and_then(Value::as_array);
    let mut table = Table::new(&["PARAMETER", "DEFAULT", "WHAT IT IS"]);
    for name in &summary.params {
        let must = required.is_some_and(|all| all.iter().any(|one| one == name.as_str()));
        let default = template.defaults.get(name).map(ToString::to_string);
        let schema = template.params_schema.pointer(&format!("/properties/{name}/description"));
        table.row(vec![
            one_line(name).into(),
            default
                .map_or(if must { "(must be given)" } else { "-" }.to_owned(), |d| one_line(&d))
                .into(),
            one_line(schema.and_then(Value::as_str).unwrap_or_default()).into(),
        ]);
    }
    text.push_str(&table.print());
    Ok(print(&text)?)
}

async fn created(client: &Client, remote: &Remote, create: &Create) -> Result<(), Failed> {
    let template: Template = read(client.get(&["templates", &create.template], &[]).await?)?;
    let params = params(create, &template.params_schema).map_err(Failed::invalid)?;
    let body = json!({ "id": create.id, "params": params });
    let answer = client.post(&["templates", &create.template, "workflows"], &body).await?;
    Ok(workflows::told(remote, answer)?)
}

/// Makes the file of a workflow, without a host.
fn written(create: &Create, to: &Path) -> Result<(), Failed> {
    let template = template_of(create).map_err(Failed::invalid)?;
    let params = params(create, &template.params_schema).map_err(Failed::invalid)?;
    let id = WorkflowId::new(&create.id).map_err(Failed::invalid)?;
    let text = template.instantiate(&Value::Object(params), &id).map_err(|error| {
        let lines = match error {
            InstantiateError::Params(violations) => {
                violations.iter().map(|violation| format!("\n  - {violation}")).collect()
            }
            error @ InstantiateError::Expression { .. } => format!("\n  - {error}"),
        };
        Failed::invalid(anyhow!("the parameters do not fit template `{}`:{lines}", template.id))
    })?;
    let reading = definition::read(&to.display().to_string(), &text);
    if !reading.problems.is_empty() {
        return Err(Failed::invalid(anyhow!(
            "what comes of it is wrong:{}",
            lines(&reading.problems)
        )));
    }
    if to == Path::new("-") {
        return Ok(print(&text)?);
    }
    let file = std::fs::File::options().write(true).create_new(true).open(to);
    let write = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    write
        .with_context(|| format!("the file `{}` cannot be written", to.display()))
        .map_err(Failed::invalid)?;
    Ok(print(&format!("{} is made of template {}\n", to.display(), template.id))?)
}

/// A template by its file, or by its id out of the folder of templates.
fn template_of(create: &Create) -> Result<std::sync::Arc<WorkflowTemplate>> {
    let named = PathBuf::from(&create.template);
    let path = if named.is_file() {
        named
    } else {
        let settings = Settings::load(&Sources::of_process(create.config.clone(), Vec::new()))?;
        let folder = settings.config()?.templates_folder;
        let path = folder.join(format!("{}.toml", create.template));
        if !path.is_file() {
            bail!(
                "there is no file `{}` and no template `{}` in the folder `{}` (`templates.folder`)",
                create.template,
                create.template,
                folder.display()
            );
        }
        path
    };
    let reading = read_template(&path.display().to_string(), &text_of(&path)?);
    reading.template.ok_or_else(|| anyhow!("the template is wrong:{}", lines(&reading.problems)))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

/// The parameters of the file, and those of the command line over them.
fn params(create: &Create, schema: &Value) -> Result<Map<String, Value>> {
    let mut params = match &create.params {
        None => Map::new(),
        Some(file) => serde_json::from_str(&text_of(file)?)
            .with_context(|| format!("`{}` is no JSON object", file.display()))?,
    };
    for pair in &create.param {
        let (name, value) = split(pair)?;
        let kind = schema.pointer(&format!("/properties/{name}/type"));
        let is_text = kind.is_some_and(|kind| kind == "string");
        let value = match serde_json::from_str(value) {
            Ok(json) if !is_text => json,
            _ => Value::from(value),
        };
        params.insert(name.to_owned(), value);
    }
    Ok(params)
}

fn split(pair: &str) -> Result<(&str, &str)> {
    pair.split_once('=').ok_or_else(|| anyhow!("`--param {pair}` is not of the form name=value"))
}

/// A template that was changed, in one line.
fn told(remote: &Remote, answer: Value) -> Result<()> {
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let Template { summary, .. } = read(answer)?;
    let digest = summary.digest.dimmed();
    Ok(print(&format!("{} {} {digest}\n", summary.id.bold(), one_line(&summary.version)))?)
}
