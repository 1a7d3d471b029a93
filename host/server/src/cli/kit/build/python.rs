//! Builds a plugin in Python: the SDK's own builder puts it together with an interpreter. This finds
//! what that needs, and keeps it in an environment of the project's own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use taskloom_core::id::Digest;

use super::{Missing, Options, Unbuilt};

/// The SDK in a project.
const SDK: &str = "taskloom/sdk/python";

/// The environment in a project.
const ENVIRONMENT: &str = ".venv";

/// Says which packages are in the environment: a digest of the files that name them.
const STAMP: &str = ".venv/taskloom-packages";

/// The oldest Python that the SDK runs on.
const OLDEST: (u32, u32) = (3, 11);

/// The module of a plugin whose project names none.
const MODULE: &str = "plugin.py";

/// What is read of a project's `pyproject.toml`.
#[derive(Default, Deserialize)]
struct Project {
    #[serde(default)]
    tool: Tools,
}

#[derive(Default, Deserialize)]
struct Tools {
    #[serde(default)]
    taskloom: Settings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The module of the plugin.
    module: Option<String>,
}

/// What is read of a plugin's manifest.
#[derive(Deserialize)]
struct Manifest {
    name: String,
}

/// Builds the project in `folder` and gives its component.
///
/// # Errors
/// When a tool is missing, or the project makes no component.
pub(super) fn component(folder: &Path, options: &Options) -> Result<Vec<u8>, Unbuilt> {
    let folder = folder.canonicalize().context("the project's folder cannot be found")?;
    let sdk = folder.join(SDK);
    if !sdk.join("taskloom/build.py").is_file() {
        return Err(Unbuilt::Refused {
            what: format!("the SDK is not in `{SDK}`"),
            hints: vec![
                "take the folder `taskloom/` of a fresh `taskloom plugin new --lang python`"
                    .to_owned(),
            ],
        });
    }
    let module = module(&folder)?;
    install(&folder, &sdk, options)?;
    let builder = || {
        let mut builder = Command::new(folder.join(ENVIRONMENT).join("bin/python"));
        builder.current_dir(&folder).env("PYTHONPATH", &sdk).env("PYTHONDONTWRITEBYTECODE", "1");
        builder.args(["-m", "taskloom.build"]).arg(&module);
        builder
    };
    let refused = || Unbuilt::Refused {
        what: "the plugin makes no component; what its builder says stands above".to_owned(),
        hints: Vec::new(),
    };
    let checked = builder().arg("--check").stderr(Stdio::inherit()).output();
    let checked = checked.context("python cannot be started")?;
    if !checked.status.success() {
        return Err(refused());
    }
    let manifest: Manifest = serde_json::from_slice(&checked.stdout).context(
        "what the builder says about the plugin is no manifest; does the module print something?",
    )?;
    // The builder wants the plugin's own name.
    let out = folder.join(ENVIRONMENT).join("taskloom").join(format!("{}.wasm", manifest.name));
    let built = builder().arg("--out").arg(&out).output().context("python cannot be started")?;
    if !built.status.success() {
        eprint!("{}", String::from_utf8_lossy(&built.stderr));
        return Err(refused());
    }
    Ok(fs::read(&out).context("the component cannot be read")?)
}

/// The module that `pyproject.toml` names.
fn module(folder: &Path) -> Result<String, Unbuilt> {
    let wrong = |what: String| Unbuilt::Refused {
        what,
        hints: vec![
            "`[tool.taskloom] module = \"plugin.py\"` names the plugin's module".to_owned(),
        ],
    };
    let path = folder.join("pyproject.toml");
    let text = fs::read_to_string(path).context("pyproject.toml cannot be read")?;
    let project: Project =
        toml::from_str(&text).map_err(|error| wrong(format!("pyproject.toml: {error}")))?;
    let module = project.tool.taskloom.module.unwrap_or_else(|| MODULE.to_owned());
    if folder.join(&module).is_file() {
        return Ok(module);
    }
    Err(wrong(format!("there is no module `{module}`, which pyproject.toml names")))
}

/// Makes the environment and installs what the SDK and the project name, unless that was done.
fn install(folder: &Path, sdk: &Path, options: &Options) -> Result<(), Unbuilt> {
    let named = [sdk.join("requirements.txt"), folder.join("requirements.txt")];
    let content: Vec<u8> = named.iter().filter_map(|path| fs::read(path).ok()).flatten().collect();
    let wanted = Digest::of(&content).to_string();
    let python = folder.join(ENVIRONMENT).join("bin/python");
    let stamp = folder.join(STAMP);
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    let tool = python.with_file_name("componentize-py");
    if options.offline && tool.is_file() {
        // Another set of packages, which whoever wants no registry asked for.
        return Ok(());
    }
    check_python()?;
    if options.offline {
        return Err(Unbuilt::Missing(Missing {
            what: "the packages that components in Python are made with".to_owned(),
            install: "build once without `--offline`".to_owned(),
        }));
    }
    anstream::eprintln!("making {ENVIRONMENT} with what components are made with, once");
    let run = |command: &mut Command, what: &str| {
        let status = command.current_dir(folder).status();
        match status.with_context(|| format!("{what} cannot be started"))? {
            status if status.success() => Ok(()),
            _ => Err(anyhow!("{what} did not succeed; what it says stands above")),
        }
    };
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv", ENVIRONMENT]), "python3 -m venv")?;
    }
    let pip = |arguments: &[OsString]| {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(arguments);
        run(&mut pip, "pip")
    };
    pip(&["--require-hashes".into(), "--no-deps".into(), "-r".into(), named[0].clone().into()])?;
    if named[1].is_file() {
        pip(&["-r".into(), named[1].clone().into()])?;
    }
    fs::write(&stamp, wanted).with_context(|| format!("`{STAMP}` cannot be written"))?;
    Ok(())
}

fn check_python() -> Result<(), Unbuilt> {
    let output = Command::new("python3").arg("--version").output();
    let version = output.ok().filter(|output| output.status.success());
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let missing = |what: String| {
        let install = "install Python 3.11 or newer with venv: https://www.python.org, or the packages of your \
                       system (`apt-get install python3-venv`)";
        Unbuilt::Missing(Missing { what, install: install.to_owned() })
    };
    let Some(version) = version else { return Err(missing("python3".to_owned())) };
    if parse(&version).is_none_or(|version| version < OLDEST) {
        return Err(missing(format!(
            "Python {}.{} or newer; here is {version}",
            OLDEST.0, OLDEST.1
        )));
    }
    Ok(())
}

/// The version in a text such as `Python 3.11.2`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("Python ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn versions_of_python_are_read() {
        assert_eq!(parse("Python 3.11.2"), Some((3, 11)));
        assert_eq!(parse("Pyston"), None);
    }
}
