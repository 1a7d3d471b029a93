//! `taskloom plugin new`: a project that builds as it is.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use taskloom_core::id::PluginName;

use super::super::args::PluginNew;
use super::super::output::print;
use super::super::{Done, Failed};
use super::language::Language;
use super::{embedded, rust_sdk};

/// What stands for the plugin's name in templates.
const NAME: &str = "__NAME__";

/// What stands for its name where only letters, digits and `_` may stand.
const CRATE: &str = "__CRATE__";

/// The folder of a project that holds the SDK, the contract and the guides, as the checkout has them.
const VENDORED: &str = "taskloom";

pub(in crate::cli) fn new(arguments: &PluginNew) -> Result<Done, Failed> {
    let PluginNew { name, lang, dir } = arguments;
    let name = plugin_name(name).map_err(Failed::invalid)?;
    let folder = dir.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    check_free(&folder).map_err(Failed::invalid)?;
    for (path, content) in files(*lang, &name) {
        write(&folder.join(path), &content)?;
    }
    print(&next_steps(&folder, *lang, &name))?;
    Ok(Done::Well)
}

/// A name that a plugin, its file and its package can have.
fn plugin_name(text: &str) -> Result<PluginName> {
    PluginName::new(text).map_err(|error| {
        let better: String =
            text.trim_end_matches(".wasm")
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' }
                })
                .collect();
        let better = better.trim_matches(|c: char| !c.is_ascii_lowercase());
        match PluginName::new(better) {
            Ok(better) => anyhow!("{error}; `{better}` would do"),
            Err(_) => anyhow!("{error}"),
        }
    })
}

/// Nothing is ever overwritten.
fn check_free(folder: &Path) -> Result<()> {
    let shown = folder.display();
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!(
                "the folder `{shown}` is not empty, and nothing in it is overwritten; name another with \
                 `--dir`"
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) if folder.exists() => bail!("`{shown}` is no folder; name another with `--dir`"),
        Err(error) => Err(error).with_context(|| format!("the folder `{shown}` cannot be read")),
    }
}

type Content = Cow<'static, [u8]>;

/// The files of a project, by their paths in it.
fn files(language: Language, name: &PluginName) -> Vec<(PathBuf, Content)> {
    let template = format!("{}/template", language.sdk());
    let own = embedded::below(&template).map(|(path, content)| {
        let path = match path {
            "gitignore" => ".gitignore".to_owned(),
            "policy.toml" => format!("{name}.policy.toml"),
            path => path.to_owned(),
        };
        let text = std::str::from_utf8(content).expect("templates are text");
        let crate_name = name.as_str().replace('-', "_");
        let text = text.replace(NAME, name.as_str()).replace(CRATE, &crate_name);
        (PathBuf::from(path), Cow::from(text.into_bytes()))
    });
    let mut files: Vec<_> = own.collect();
    files.extend(vendored(language));
    if language == Language::Rust {
        files.push(("Cargo.lock".into(), rust_sdk::lock().into_bytes().into()));
    }
    files
}

/// The contract, the guides and the SDK, at the places that they have in the checkout, so that they find
/// each other.
fn vendored(language: Language) -> Vec<(PathBuf, Content)> {
    let root = Path::new(VENDORED);
    let sdk = language.sdk();
    let part = |part: &'static str| {
        let place = root.join(part);
        embedded::below(part).map(move |(path, content)| (place.join(path), Cow::from(content)))
    };
    let mut files: Vec<(PathBuf, Content)> =
        part("wit").chain(part("docs")).chain(part(sdk)).collect();
    if language == Language::Python {
        // The interfaces of WASI, which its builder looks for where the checkout has them.
        files.extend(part("sdk/rust/wit"));
    }
    files.retain(|(path, _)| !path.starts_with(root.join(sdk).join("template")));
    if language == Language::Rust {
        let manifest = root.join("sdk/rust/Cargo.toml");
        files.retain(|(path, _)| *path != manifest);
        files.push((manifest, rust_sdk::manifest().into_bytes().into()));
    }
    files.push((root.join("LICENSE"), embedded::text("LICENSE").as_bytes().into()));
    files
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .with_context(|| format!("`{}` cannot be written", path.display()))
}

fn next_steps(folder: &Path, language: Language, name: &PluginName) -> String {
    let shown = folder.display();
    format!(
        "made `{shown}`, a plugin in {language} with the task type `{name}.greet`\n\n  cd {shown}\n  \
         taskloom plugin test\n  \
         echo '{{\"name\": \"Ada\"}}' | taskloom run workflow.toml --plugins . --input -\n\n\
         README.md says what each file is for\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_is_refused_with_one_that_can() {
        assert!(plugin_name("fetch-pages_2").is_ok());
        for (name, expected) in [
            ("Fetch Pages", "`fetch-pages` would do"),
            ("2fast", "`fast` would do"),
            ("hello.wasm", "`hello` would do"),
            ("../x", "`x` would do"),
            ("", "plugin name"),
            ("äö", "plugin name"),
        ] {
            let message = plugin_name(name).expect_err("refused").to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    /// Files that every project has.
    const OF_ALL: [&str; 9] = [
        ".gitignore",
        "README.md",
        "fetch.policy.toml",
        "tests.toml",
        "workflow.toml",
        "taskloom/LICENSE",
        "taskloom/docs/capabilities.md",
        "taskloom/docs/plugin-authoring.md",
        "taskloom/wit/1.0.0/plugin.wit",
    ];

    fn check(language: Language, own: &[&str]) {
        let name = PluginName::new("fetch").expect("valid");
        let files = files(language, &name);
        let paths: Vec<_> = files.iter().map(|(path, _)| path.to_str().expect("text")).collect();
        for expected in OF_ALL.iter().chain(own) {
            assert_eq!(paths.iter().filter(|path| *path == expected).count(), 1, "{expected}");
        }
        let foreign = |path: &&&str| path.contains("node_modules") || path.contains("/template/");
        assert_eq!(paths.iter().find(foreign), None);
        for (path, content) in &files {
            let text = String::from_utf8_lossy(content);
            let left = text.contains(NAME) || text.contains(CRATE);
            assert!(!left, "{} still has a name that stands for another", path.display());
        }
    }

    #[test]
    fn a_project_has_its_name_and_everything_it_is_built_with() {
        let rust = ["Cargo.toml", "Cargo.lock", "src/lib.rs", "taskloom/sdk/rust/Cargo.toml"];
        check(Language::Rust, &rust);
        let sdk = ["taskloom/sdk/rust/src/lib.rs", "taskloom/sdk/rust/wit/deps/http.wit"];
        check(Language::Rust, &sdk);
        check(
            Language::Python,
            &["pyproject.toml", "plugin.py", "taskloom/sdk/python/taskloom/build.py"],
        );
        check(Language::Python, &["taskloom/sdk/rust/wit/deps/http.wit"]);
        check(Language::JavaScript, &["package.json", "plugin.js", "plugin.test.mjs"]);
        let sdk = ["taskloom/sdk/js/build.mjs", "taskloom/sdk/js/package-lock.json"];
        check(Language::JavaScript, &sdk);
    }
}
