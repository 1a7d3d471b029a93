//! The settings as they were found, each with where it comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use taskloom_core::document::{Document, Problem, Table, suggest};

use super::ConfigError;
use super::keys::{KEYS, Key, Kind, Preset};
use super::policies::{self, Policies};
use super::secrets;
use crate::secrets::Secrets;

/// The section of the file that says where secrets are; its keys are their names.
const SECRETS: &str = "secrets";

/// The section of plugins, and in it that of their policies, whose keys are their names.
const PLUGINS: &str = "plugins";
const POLICY: &str = "policy";

/// The file that is read from the working directory when none is named.
const DEFAULT_FILE: &str = "taskloom.toml";

/// The section whose keys are the workflows' own.
const VALUES: &str = "values";

/// The variable that names the file.
const FILE_VARIABLE: &str = "TASKLOOM_CONFIG";

/// Where settings can come from besides their defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file named on the command line.
    pub file: Option<PathBuf>,
    /// Flags by the path of their key, such as `("server.listen", "127.0.0.1:0")`.
    pub flags: Vec<(&'static str, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// The folder in which [`DEFAULT_FILE`] is looked for; `None` looks for none.
    pub folder: Option<PathBuf>,
}

/// Where one setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

/// A value as it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, a word, an address or a path.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// On or off.
    Switch(bool),
    /// A whole number.
    Count(u64),
    /// A number of bytes.
    Size(u64),
    /// A duration.
    Duration(Duration),
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value.
    pub value: Value,
    /// Where it comes from.
    pub source: Source,
}

/// Every key with its value.
#[derive(Debug, Clone)]
pub struct Settings {
    settings: BTreeMap<&'static str, Setting>,
    /// Where the secrets are, by name.
    pub secrets: Secrets,
    /// What plugins are granted, by their names; only a file can say that.
    pub policies: Policies,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// What looks like a mistake but may be none, for the log.
    pub warnings: Vec<String>,
    /// The table `[values]`, as workflows read it; only a file can have one.
    pub values: Arc<serde_json::Value>,
}

impl Sources {
    /// The process's own environment and working directory.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("TASKLOOM_"))
            .collect();
        Self { file, flags, environment, folder: Some(PathBuf::from(".")) }
    }

    /// The file to read: the one that was named, which must be there, or the default one, if it is.
    fn file(&self) -> Option<PathBuf> {
        let variable = || self.environment.iter().find(|(name, _)| name == FILE_VARIABLE);
        let named = self.file.clone().or_else(|| variable().map(|(_, value)| value.into()));
        named.or_else(|| {
            let default = self.folder.as_ref()?.join(DEFAULT_FILE);
            // `./` before the name would only be noise in messages.
            let default = default.strip_prefix("./").map_or(default.clone(), Path::to_owned);
            default.is_file().then_some(default)
        })
    }
}

impl Settings {
    /// Collects the settings from all sources.
    ///
    /// # Errors
    /// With everything that is wrong, in whichever source.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let file = sources.file();
        let mut settings = Self::defaults(file.clone());
        if let Some(file) = file {
            settings.read_file(&file, &mut problems);
        }
        for (name, value) in &sources.environment {
            settings.read_variable(name, value, &mut problems);
        }
        for (path, value) in &sources.flags {
            let key = key_of(path);
            let flag =
                format!("--{}", if key.name() == "folder" { key.section() } else { key.name() });
            settings.read_text(key, &flag, value, Source::Flag(flag.clone()), &mut problems);
        }
        if problems.is_empty() { Ok(settings) } else { Err(ConfigError { problems }) }
    }

    /// The settings that the text of a file gives by itself; `file` is its name in messages, and what paths in it are
    /// relative to.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn of_file(file: &Path, source: &str) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut settings = Self::defaults(Some(file.to_owned()));
        settings.read_source(file, source, &mut problems);
        if problems.is_empty() { Ok(settings) } else { Err(ConfigError { problems }) }
    }

    fn defaults(file: Option<PathBuf>) -> Self {
        Self {
            settings: KEYS.iter().map(|key| (key.path, default(key))).collect(),
            secrets: Secrets::default(),
            policies: Policies::new(),
            file,
            warnings: Vec::new(),
            values: Arc::new(serde_json::json!({})),
        }
    }

    /// The setting of a key.
    ///
    /// # Panics
    /// When there is no such key.
    pub fn get(&self, path: &str) -> &Setting {
        self.settings.get(path).unwrap_or_else(|| panic!("`{path}` is a key of the configuration"))
    }

    pub(super) fn text(&self, path: &str) -> &str {
        match &self.get(path).value {
            Value::Text(text) => text,
            other => unreachable!("`{path}` is a text, not {other:?}"),
        }
    }

    pub(super) fn texts(&self, path: &str) -> &[String] {
        match &self.get(path).value {
            Value::Texts(texts) => texts,
            other => unreachable!("`{path}` is a list, not {other:?}"),
        }
    }

    pub(super) fn switch(&self, path: &str) -> bool {
        match self.get(path).value {
            Value::Switch(is_on) => is_on,
            ref other => unreachable!("`{path}` is on or off, not {other:?}"),
        }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.text(path).into()
    }

    pub(super) fn address(&self, path: &str) -> SocketAddr {
        self.text(path).parse::<Address>().expect("checked when it was read").0
    }

    pub(super) fn number(&self, path: &str) -> u64 {
        self.get(path).value.amount()
    }

    pub(super) fn small(&self, path: &str) -> u32 {
        u32::try_from(self.number(path)).expect("its bounds fit into 32 bits")
    }

    pub(super) fn duration(&self, path: &str) -> Duration {
        match self.get(path).value {
            Value::Duration(duration) => duration,
            ref other => unreachable!("`{path}` is a duration, not {other:?}"),
        }
    }

    fn read_file(&mut self, file: &Path, problems: &mut Vec<String>) {
        match std::fs::read_to_string(file) {
            Ok(source) => self.read_source(file, &source, problems),
            Err(error) => problems.push(format!(
                "{}: the configuration file cannot be read: {error}; name another by `--config`, or make it",
                file.display()
            )),
        }
    }

    fn read_source(&mut self, file: &Path, source: &str, problems: &mut Vec<String>) {
        let origin = file.display().to_string();
        let document = Document::parse(&origin, source);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut found =
            Found { origin: origin.clone(), values: Vec::new(), policies: Policies::new() };
        let mut root = document.root();
        if let Some(table) = root.table(SECRETS) {
            self.secrets = secrets::read(table, folder);
        }
        if root.table(VALUES).is_some() {
            self.values = Arc::new(root.json(VALUES).unwrap_or_default());
        }
        read_section(root, "", &mut found);
        problems.extend(document.problems().iter().map(ToString::to_string));
        self.policies = found.policies;
        for (key, value) in found.values {
            let value = match (key.kind, value) {
                (Kind::Folder, Value::Text(path)) => {
                    Value::Text(folder.join(path).display().to_string())
                }
                (_, value) => value,
            };
            self.set(key, value, Source::File(origin.clone()));
        }
    }

    fn read_variable(&mut self, name: &str, value: &str, problems: &mut Vec<String>) {
        if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
            self.read_text(key, name, value, Source::Environment(name.to_owned()), problems);
            return;
        }
        let names: Vec<_> = KEYS.iter().map(Key::variable).collect();
        let known = ["TASKLOOM_CONFIG", "TASKLOOM_SERVER"].contains(&name);
        if let Some(meant) = suggest(name, names.iter().map(String::as_str)).filter(|_| !known) {
            self.warnings.push(format!(
                "the environment variable `{name}` means nothing; did you mean `{meant}`?"
            ));
        }
    }

    /// Reads a value that stands alone, by the same rules as in the file.
    fn read_text(
        &mut self,
        key: &'static Key,
        origin: &str,
        text: &str,
        source: Source,
        problems: &mut Vec<String>,
    ) {
        let line = format!("{} = {}\n", key.name(), literal(key.kind, text));
        let document = Document::parse(origin, &line);
        let mut table = document.root();
        let value = read_value(&mut table, key);
        table.finish();
        problems.extend(document.problems().iter().map(|problem| alone(origin, problem)));
        if let Some(value) = value {
            self.set(key, value, source);
        }
    }

    fn set(&mut self, key: &'static Key, value: Value, source: Source) {
        self.settings.insert(key.path, Setting { value, source });
    }
}

/// What a file says.
struct Found {
    /// Its name in messages.
    origin: String,
    values: Vec<(&'static Key, Value)>,
    policies: Policies,
}

/// Reads the keys of `section` and the sections below it.
fn read_section<'d>(mut table: Table<'d>, section: &str, found: &mut Found) {
    for key in KEYS.iter().filter(|key| key.section() == section) {
        if let Some(value) = read_value(&mut table, key) {
            found.values.push((key, value));
        }
    }
    if section == PLUGINS
        && let Some(inner) = table.table(POLICY)
    {
        found.policies = policies::read(&found.origin, inner);
    }
    for (name, path) in sections_below(section) {
        if let Some(inner) = table.table(name) {
            read_section(inner, path, found);
        }
    }
    table.finish();
}

/// The names and paths of the sections directly below `section`.
fn sections_below(section: &str) -> BTreeMap<&'static str, &'static str> {
    let below = |key: &Key| {
        let path = key.section();
        let name = match section {
            "" => path,
            _ => path.strip_prefix(section)?.strip_prefix('.')?,
        };
        (!name.is_empty() && !name.contains('.')).then_some((name, path))
    };
    KEYS.iter().filter_map(below).collect()
}

fn read_value<'d>(table: &mut Table<'d>, key: &Key) -> Option<Value> {
    let name = key.name();
    match key.kind {
        Kind::Address => {
            table.parsed::<Address>(name).map(|found| Value::Text(found.0.to_string()))
        }
        Kind::Folder | Kind::Text => {
            let text = table.string(name)?;
            if text.is_empty() {
                table.report(&[name.into()], "invalid-value", "must not be empty", None);
                return None;
            }
            Some(Value::Text(text))
        }
        Kind::Texts => table.strings(name).map(Value::Texts),
        Kind::Switch => table.boolean(name).map(Value::Switch),
        Kind::Word(words) => {
            let choices: Vec<_> = words.iter().map(|(word, _)| (*word, *word)).collect();
            table.choice(name, &choices).map(|word| Value::Text(word.to_owned()))
        }
        Kind::Count(least, most) => {
            let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            let count = table.integer(name, bound(least)..=bound(most))?;
            Some(Value::Count(u64::try_from(count).expect("the least is not negative")))
        }
        Kind::Size(least, most) => table.bytes(name, least..=most).map(Value::Size),
        Kind::Duration(least, most) => {
            let range = Duration::from_millis(least)..=Duration::from_millis(most);
            table.duration(name, range).map(Value::Duration)
        }
    }
}

/// A text from outside of TOML as the TOML that stands for it.
fn literal(kind: Kind, text: &str) -> String {
    let is_number = !text.is_empty() && text.len() < 19 && text.bytes().all(|b| b.is_ascii_digit());
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    match kind {
        // A leading zero means nothing in TOML.
        Kind::Count(..) | Kind::Size(..) if is_number => {
            text.parse::<u64>().map_or_else(|_| quoted(text), |number| number.to_string())
        }
        Kind::Switch if matches!(text, "true" | "false") => text.to_owned(),
        Kind::Texts => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            format!("[{}]", items.map(quoted).collect::<Vec<_>>().join(", "))
        }
        _ => quoted(text),
    }
}

/// A problem of a value that stands alone: it has no line.
fn alone(origin: &str, problem: &Problem) -> String {
    let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{origin}: {}{help}", problem.message)
}

fn default(key: &'static Key) -> Setting {
    let text = match key.preset {
        Preset::Text(text) => text.to_owned(),
        Preset::None if matches!(key.kind, Kind::Folder) => {
            return Setting { value: Value::Text(String::new()), source: Source::Default };
        }
        Preset::None => String::new(),
        Preset::Cores => std::thread::available_parallelism().map_or(2, usize::from).to_string(),
        Preset::HostName => host_name(),
    };
    let line = format!("{} = {}\n", key.name(), literal(key.kind, &text));
    let document = Document::parse("default", &line);
    let mut table = document.root();
    let value = read_value(&mut table, key);
    table.finish();
    let value =
        value.unwrap_or_else(|| panic!("default of {}: {:?}", key.path, document.problems()));
    Setting { value, source: Source::Default }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

fn key_of(path: &str) -> &'static Key {
    KEYS.iter().find(|key| key.path == path).expect("flags name keys of the configuration")
}

impl Value {
    /// Whether it is the text of a key that has no value at all.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    /// A number, bytes, or milliseconds; 0 for a text.
    pub(super) fn amount(&self) -> u64 {
        match self {
            Self::Count(number) | Self::Size(number) => *number,
            Self::Duration(duration) => u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            Self::Text(_) | Self::Texts(_) | Self::Switch(_) => 0,
        }
    }
}

impl fmt::Display for Value {
    /// As it is written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", toml::Value::String(text.clone())),
            Self::Texts(texts) => write!(f, "{}", toml::Value::from(texts.clone())),
            Self::Switch(is_on) => write!(f, "{is_on}"),
            Self::Count(number) => write!(f, "{number}"),
            Self::Size(bytes) => write!(f, "\"{}\"", exact(*bytes, &SIZES)),
            Self::Duration(_) => write!(f, "\"{}\"", exact(self.amount(), &DURATIONS)),
        }
    }
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const DURATIONS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// `amount` in the largest unit in which it is whole.
fn exact(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
    let (unit, factor) = units.iter().find(fits).unwrap_or(&units[units.len() - 1]);
    format!("{}{unit}", amount / factor)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name) | Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// An address to listen on.
struct Address(SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let local = || {
            let port = text.strip_prefix("localhost:")?.parse().ok()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        };
        text.parse().ok().or_else(local).map(Self).ok_or_else(|| {
            let text: String = text.chars().take(80).collect();
            format!("`{text}` is no address and port such as `127.0.0.1:8080` or `[::1]:8080`")
        })
    }
}
