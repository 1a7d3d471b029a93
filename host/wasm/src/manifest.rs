//! Reads what a plugin's `describe` returns.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;
use serde_json::Value;
use taskloom_core::id::{PluginName, TaskType};
use taskloom_core::plugin::{
    Capabilities, ContextNames, Effects, LimitsWish, Manifest, ResourceClass, TaskTypeSpec,
};
use taskloom_core::schema::Schema;

use crate::asked::Asked;

/// The contract that this host speaks. Plugins made for an earlier version of the same major number are accepted.
pub const CONTRACT: &str = "1.0.0";

/// The most task types that a plugin can offer.
const TASK_TYPES_MAX: usize = 256;

/// The most names of one kind that a plugin can ask for.
const NAMES_MAX: usize = 256;

/// The longest name, summary or host in a manifest, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// A checked manifest and its compiled schemas, by full task type.
pub(crate) struct Described {
    pub(crate) manifest: Manifest,
    pub(crate) asked: Asked,
    pub(crate) schemas: BTreeMap<TaskType, Schemas>,
}

/// The compiled schemas of a task type.
#[derive(Debug)]
pub(crate) struct Schemas {
    pub(crate) input: Schema,
    pub(crate) output: Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    name: String,
    version: String,
    #[serde(default)]
    summary: String,
    contract: String,
    #[serde(default)]
    capabilities: RawCapabilities,
    task_types: BTreeMap<String, RawTaskType>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapabilities {
    #[serde(default)]
    http: Vec<String>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    ai: bool,
    #[serde(default)]
    context: ContextNames,
    #[serde(default)]
    reuse: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTaskType {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    docs: String,
    input_schema: Value,
    output_schema: Value,
    effects: Effects,
    resource_class: ResourceClass,
    idempotent: bool,
    #[serde(default)]
    limits: LimitsWish,
}

/// What the plugin in the file `stem` says about itself, from the text of its `describe`.
///
/// # Errors
/// Everything that is wrong with it, one reason a line.
pub fn read_manifest(stem: &PluginName, text: &str) -> Result<Manifest, Vec<String>> {
    read(stem, text).map(|described| described.manifest)
}

/// Reads and checks the manifest of the plugin in the file `stem`, and compiles its schemas.
///
/// # Errors
/// Everything that is wrong with it, one reason a line.
pub(crate) fn read(stem: &PluginName, text: &str) -> Result<Described, Vec<String>> {
    let raw: RawManifest = serde_json::from_str(text).map_err(|error| vec![error.to_string()])?;
    let mut problems = Vec::new();
    if raw.name != stem.as_str() {
        problems.push(format!(
            "the file is `{stem}.wasm`, but the plugin's name is `{}`; grants belong to the file's \
             name, so both must be the same: rename the file or the plugin",
            crate::guest::cut(&raw.name, 80)
        ));
    }
    if !speaks_our_contract(&raw.contract) {
        let made_for = made_for_another(crate::guest::cut(&raw.contract, 40));
        problems.push(format!("contract: {made_for}"));
    }
    if !is_version(&raw.version) {
        problems.push(format!(
            "version: `{}` is no version such as `1.2.3`",
            crate::guest::cut(&raw.version, 40)
        ));
    }
    if raw.task_types.is_empty() || raw.task_types.len() > TASK_TYPES_MAX {
        problems.push(format!(
            "task_types: there are {}; a plugin offers 1 to {TASK_TYPES_MAX}",
            raw.task_types.len()
        ));
    }
    let RawCapabilities { http, secrets, ai, context, reuse } = raw.capabilities;
    let capabilities = Capabilities { http, secrets, ai, context, reuse };
    if raw.summary.len() > TEXT_BYTES_MAX {
        problems.push(format!("the summary is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let asked = read_capabilities(&capabilities).map_err(|found| problems.extend(found));
    let mut task_types = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for (short, raw) in raw.task_types.into_iter().take(TASK_TYPES_MAX) {
        match read_task_type(stem, &short, raw) {
            Ok((task_type, spec, compiled)) => {
                schemas.insert(task_type.clone(), compiled);
                task_types.insert(task_type, spec);
            }
            Err(found) => {
                let place = format!("task_types.{}", crate::guest::cut(&short, 80));
                problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
            }
        }
    }
    let Ok(asked) = asked else { return Err(problems) };
    if !problems.is_empty() {
        return Err(problems);
    }
    let manifest = Manifest {
        name: stem.clone(),
        version: raw.version,
        summary: raw.summary,
        capabilities,
        task_types,
    };
    Ok(Described { manifest, asked, schemas })
}

/// Reads what a plugin asks for.
fn read_capabilities(capabilities: &Capabilities) -> Result<Asked, Vec<String>> {
    let Capabilities { http, secrets, context, .. } = capabilities;
    let mut problems = Vec::new();
    for (key, names) in [
        ("http", http),
        ("secrets", secrets),
        ("context.read", &context.read),
        ("context.write", &context.write),
    ] {
        if names.len() > NAMES_MAX {
            let count = names.len();
            problems.push(format!(
                "capabilities.{key}: there are {count}; at most {NAMES_MAX} can be asked for"
            ));
        }
        if names.iter().any(|name| name.is_empty() || name.len() > TEXT_BYTES_MAX) {
            problems.push(format!("capabilities.{key}: a name has 1 to {TEXT_BYTES_MAX} bytes"));
        }
    }
    match Asked::of(capabilities) {
        Ok(asked) if problems.is_empty() => Ok(asked),
        Ok(_) => Err(problems),
        Err(found) => {
            problems.extend(found);
            Err(problems)
        }
    }
}

/// The name that a manifest says the plugin has.
///
/// # Errors
/// When it says none, or one that no file could have.
pub(crate) fn own_name(text: &str) -> Result<PluginName, Vec<String>> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named: Named = serde_json::from_str(text).map_err(|error| vec![error.to_string()])?;
    PluginName::new(&named.name).map_err(|error| vec![format!("name: {error}")])
}

fn read_task_type(
    plugin: &PluginName,
    short: &str,
    raw: RawTaskType,
) -> Result<(TaskType, TaskTypeSpec, Schemas), Vec<String>> {
    let mut problems = Vec::new();
    let name = TaskType::new(&format!("{plugin}.{short}"));
    if let Err(error) = &name {
        problems.push(error.to_string());
    }
    let mut compile = |key: &str, schema: &Value| {
        Schema::compile(schema).map_err(|error| problems.push(format!("{key}: {error}"))).ok()
    };
    let input = compile("input_schema", &raw.input_schema);
    let output = compile("output_schema", &raw.output_schema);
    let (Ok(name), Some(input), Some(output)) = (name, input, output) else { return Err(problems) };
    let spec = TaskTypeSpec {
        summary: raw.summary,
        docs: raw.docs,
        input_schema: raw.input_schema,
        output_schema: raw.output_schema,
        effects: raw.effects,
        resource_class: raw.resource_class,
        idempotent: raw.idempotent,
        limits: raw.limits,
    };
    Ok((name, spec, Schemas { input, output }))
}

/// Whether a component made for this version of the contract can be called: one of the same major number that is not newer, since
/// a version only adds to those before it (`wit/README.md`).
pub(crate) fn speaks_our_contract(version: &str) -> bool {
    let ours = Version::parse(CONTRACT).expect("a version");
    Version::parse(version)
        .is_ok_and(|theirs| theirs.major == ours.major && theirs <= ours && theirs.pre.is_empty())
}

/// What is wrong with a component made for a version that this host does not speak, and what to do.
pub(crate) fn made_for_another(version: &str) -> String {
    format!(
        "it was made for contract {version}; this host speaks {CONTRACT}: build it again with an SDK of \
         that version"
    )
}

fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 128 && numbers.len() == 3 && numbers.iter().all(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Value {
        json!({
            "name": "text", "version": "0.1.0", "summary": "Texts.", "contract": "1.0.0",
            "task_types": { "render": {
                "summary": "Renders.", "input_schema": {"type": "object"}, "output_schema": true,
                "effects": "pure", "resource_class": "cpu", "idempotent": true,
                "limits": { "fuel": 5 },
            } },
        })
    }

    fn check(change: impl FnOnce(&mut Value), expected: &str) {
        let mut manifest = manifest();
        change(&mut manifest);
        let stem = PluginName::new("text").expect("valid");
        let problems = read(&stem, &manifest.to_string()).err().unwrap_or_default().join("\n");
        assert!(problems.contains(expected), "`{expected}` is not in `{problems}`");
        assert_eq!(problems.is_empty(), expected.is_empty());
    }

    #[test]
    fn a_manifest_offers_task_types_by_their_full_name() {
        let stem = PluginName::new("text").expect("valid");
        let described = read(&stem, &manifest().to_string()).expect("fine");
        let render = TaskType::new("text.render").expect("valid");
        assert_eq!(described.manifest.task_types[&render].limits.fuel, Some(5));
        assert!(described.schemas[&render].input.accepts(&json!({})));
    }

    #[test]
    fn a_contract_is_spoken_with_what_came_before_it() {
        assert!(speaks_our_contract("1.0.0"));
        for other in ["0.1.0", "0.9.9", "1.0.0-rc.1", "1.1.0", "2.0.0", "1.0", "", "x"] {
            assert!(!speaks_our_contract(other), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        check(|_| {}, "");
        check(
            |m| m["name"] = json!("other"),
            "the file is `text.wasm`, but the plugin's name is `other`",
        );
        check(
            |m| m["contract"] = json!("0.1.0"),
            "made for contract 0.1.0; this host speaks 1.0.0: build it again with an SDK of that version",
        );
        check(|m| m["version"] = json!("1"), "`1` is no version");
        check(|m| m["extra"] = json!(1), "unknown field `extra`");
        check(
            |m| m["capabilities"] = json!({ "http": ["a b"] }),
            "capabilities.http: `a b` names no",
        );
        check(|m| m["capabilities"] = json!({ "shell": [] }), "unknown field `shell`");
        check(
            |m| m["capabilities"] = json!({ "secrets": [""] }),
            "capabilities.secrets: a name has",
        );
        let context = json!({ "read": ["*"], "write": ["a"] });
        check(|m| m["capabilities"] = json!({ "ai": true, "context": context }), "");
        check(|m| m["task_types"] = json!({}), "there are 0");
        check(|m| m["task_types"]["render"]["effects"] = json!("none"), "unknown variant `none`");
        check(
            |m| m["task_types"]["render"]["input_schema"] = json!({"type": "strng"}),
            "task_types.render: input_schema: /type",
        );
        check(
            |m| {
                let render = m["task_types"]["render"].take();
                m["task_types"] = json!({ "Bad Name": render });
            },
            "task_types.Bad Name: `text.Bad Name` is no task type",
        );
    }
}
