//! Builds a plugin in JavaScript or TypeScript: the SDK's own builder bundles it and puts it together
//! with an engine. This finds what that needs, and installs the SDK's packages once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow};
use owo_colors::OwoColorize as _;
use serde::Deserialize;

use super::super::super::output::harmless;
use super::{Missing, Options, Unbuilt};

/// The SDK in a project.
const SDK: &str = "taskloom/sdk/js";

/// The oldest Node.js that the SDK runs on.
const NODE_MAJOR: u32 = 20;

/// What is read of a project's `package.json`.
#[derive(Deserialize)]
struct Package {
    /// The module of the plugin.
    main: Option<String>,
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
    if !sdk.join("build.mjs").is_file() {
        return Err(Unbuilt::Refused {
            what: format!("the SDK is not in `{SDK}`"),
            hints: vec![
                "take the folder `taskloom/` of a fresh `taskloom plugin new --lang js`".to_owned(),
            ],
        });
    }
    let module = module(&folder)?;
    check_node()?;
    install(&folder, &sdk, options)?;
    let builder = || {
        let mut builder = Command::new("node");
        builder.current_dir(&folder).arg(sdk.join("build.mjs")).arg(&module);
        builder
    };
    let refused = || Unbuilt::Refused {
        what: "the plugin makes no component; what its builder says stands above".to_owned(),
        hints: Vec::new(),
    };
    let checked = builder().arg("--check").stderr(Stdio::inherit()).output();
    let checked = checked.context("node cannot be started")?;
    if !checked.status.success() {
        return Err(refused());
    }
    let manifest: Manifest = serde_json::from_slice(&checked.stdout)
        .context("what the builder says about the plugin is no manifest")?;
    // The builder wants the plugin's own name.
    let out = folder.join("node_modules/.taskloom").join(format!("{}.wasm", manifest.name));
    // Its last line says what stands in our own answer.
    let built = builder().arg("--out").arg(&out).output().context("node cannot be started")?;
    if !built.status.success() {
        eprint!("{}", String::from_utf8_lossy(&built.stderr));
        return Err(refused());
    }
    Ok(fs::read(&out).context("the component cannot be read")?)
}

/// The module that `package.json` names.
fn module(folder: &Path) -> Result<String, Unbuilt> {
    let wrong = |what: String| Unbuilt::Refused {
        what,
        hints: vec!["`\"main\": \"plugin.js\"` names the plugin's module".to_owned()],
    };
    let text =
        fs::read_to_string(folder.join("package.json")).context("package.json cannot be read")?;
    let package: Package =
        serde_json::from_str(&text).map_err(|error| wrong(format!("package.json: {error}")))?;
    let main = package.main.unwrap_or_else(|| "plugin.js".to_owned());
    if folder.join(&main).is_file() {
        if let Some(other) = alike(folder, &main) {
            let note = format!("`{other}` is not built: `main` of package.json names `{main}`");
            anstream::eprintln!("{} {}", "note:".yellow().bold(), harmless(&note));
        }
        return Ok(main);
    }
    Err(wrong(format!("there is no module `{main}`, which `main` of package.json names")))
}

/// A module in the other language that is called like `main`: left behind, or forgotten in `package.json`.
fn alike(folder: &Path, main: &str) -> Option<String> {
    let (stem, ending) = main.rsplit_once('.')?;
    let other = format!("{stem}.{}", if ending == "ts" { "js" } else { "ts" });
    folder.join(&other).is_file().then_some(other)
}

fn check_node() -> Result<(), Unbuilt> {
    let output = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let install =
        "install Node.js 20 or newer with npm: https://nodejs.org, or the packages of your system";
    let missing = |what: String| Unbuilt::Missing(Missing { what, install: install.to_owned() });
    let Some(version) = output("node") else { return Err(missing("node, Node.js".to_owned())) };
    let major =
        version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < NODE_MAJOR) {
        return Err(missing(format!("Node.js {NODE_MAJOR} or newer; here is {version}")));
    }
    Ok(())
}

/// Installs the packages that the SDK's lock names, and makes the SDK known to the project's modules.
fn install(folder: &Path, sdk: &Path, options: &Options) -> Result<(), Unbuilt> {
    let is_there = |modules: PathBuf| modules.join("esbuild").is_dir();
    if !is_there(sdk.join("node_modules")) && !is_there(folder.join("node_modules")) {
        if options.offline {
            return Err(Unbuilt::Missing(Missing {
                what: "the packages of the SDK".to_owned(),
                install: format!("`npm ci --omit=dev` in {SDK}, or build once without `--offline`"),
            }));
        }
        anstream::eprintln!("installing the packages of the SDK, once: npm ci in {SDK}");
        let mut npm = Command::new("npm");
        npm.current_dir(sdk).args(["ci", "--omit=dev", "--loglevel=error"]);
        let status = npm.status().map_err(|error| {
            let what = format!("npm, which comes with Node.js ({error})");
            Unbuilt::Missing(Missing { what, install: "install npm".to_owned() })
        })?;
        if !status.success() {
            let error = anyhow!("npm could not install the packages; what it says stands above");
            return Err(error.into());
        }
    }
    let known = folder.join("node_modules/taskloom-sdk");
    if fs::symlink_metadata(&known).is_err() {
        fs::create_dir_all(folder.join("node_modules"))
            .and_then(|()| std::os::unix::fs::symlink(Path::new("..").join(SDK), &known))
            .with_context(|| format!("`{}` cannot be made", known.display()))?;
    }
    Ok(())
}
