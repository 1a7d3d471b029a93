//! Reads `[[triggers]]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::formula::{Formula, Reader, What, read_expression, read_template};
use super::keys;
use super::policy::{LONG_TIMES, TIMEOUT_MIN};
use crate::document::{Step, Table, clip};
use crate::expression::TemplateReader;
use crate::failure::Outcome;
use crate::id::{ID_BYTES_MAX, TriggerName};
use crate::trigger::{
    CatchUp, CronSource, FileEvent, Overlap, Rate, Source, Trigger, Verify, Webhook,
};

/// The most triggers of a workflow.
pub const TRIGGERS_MAX: usize = 100;

/// The most runs that a rate may name.
pub const RATE_MAX: i64 = 1_000_000;

/// The longest `debounce`: an hour. What has to wait longer is a schedule.
pub const DEBOUNCE_MAX: Duration = Duration::from_secs(60 * 60);

/// Where the deliveries of GitHub come in, which no webhook may be called.
const GITHUB_PATH: &str = "github";

/// The longest name of a webhook, a secret, an event or a time zone, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Reads every trigger, and adds what is computed in them to `formulas`.
pub(super) fn read_all(
    root: &mut Table<'_>,
    templates: &mut TemplateReader,
    formulas: &mut Vec<Formula>,
) -> Vec<Trigger> {
    let tables = root.tables("triggers");
    if tables.len() > TRIGGERS_MAX {
        let message = format!("the workflow has {} triggers", tables.len());
        let help = format!("the most is {TRIGGERS_MAX}");
        root.report(&[Step::Key("triggers")], "too-long", message, Some(help));
        return Vec::new();
    }
    let read = |(place, table)| read_one(table, place, templates, formulas);
    let read: Vec<_> = tables.into_iter().enumerate().map(read).collect();
    name_all(root, read)
}

/// Gives each trigger its name, which is its own or `<kind>-<n>`, counted within its kind. Two of one
/// name are wrong, since their histories would be one.
fn name_all(root: &mut Table<'_>, read: Vec<Option<(Option<String>, Trigger)>>) -> Vec<Trigger> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut triggers = Vec::with_capacity(read.len());
    for (place, read) in read.into_iter().enumerate() {
        let Some((id, mut trigger)) = read else { continue };
        let kind = trigger.source.kind();
        let count = counts.entry(kind).or_default();
        *count += 1;
        trigger.id = id.unwrap_or_else(|| format!("{kind}-{count}"));
        if let Some(first) = seen.insert(trigger.id.clone(), place) {
            let message = format!("the trigger id `{}` is taken", trigger.id);
            let help =
                format!("trigger {} has it, counted from 1; give this one another", first + 1);
            let path = [Step::Key("triggers"), Step::Item(place)];
            root.report(&path, "duplicate-trigger", message, Some(help));
        }
        triggers.push(trigger);
    }
    triggers
}

fn read_one(
    mut table: Table<'_>,
    place: usize,
    templates: &mut TemplateReader,
    formulas: &mut Vec<Formula>,
) -> Option<(Option<String>, Trigger)> {
    let known = keys::TRIGGER.tag.as_ref().into_iter().flat_map(|tag| tag.words);
    let choices: Vec<_> = known.map(|word| (*word, *word)).collect();
    table.require(&["kind"]);
    let kind = table.choice("kind", &choices);
    let id = read_id(&mut table);
    let when = read_expression(&mut table, "when");
    let input = read_template(&mut table, "input", templates);
    let mut note = |key: &'static str, what: Option<What>| {
        let Some(what) = what else { return };
        let path = vec![Step::Key("triggers"), Step::Item(place), Step::Key(key)];
        formulas.push(Formula { task: None, path, reader: Reader::Trigger, what });
    };
    note("when", when.clone().map(What::Bare));
    note("input", input.clone().map(What::Template));
    let debounce = table.duration("debounce", TIMEOUT_MIN..=DEBOUNCE_MAX);
    let rate = table.table("rate").and_then(read_rate);
    let source = match kind {
        Some("cron") => read_cron(&mut table),
        Some("webhook") => read_webhook(&mut table),
        Some("github") => read_github(&mut table),
        Some("file") => read_file(&mut table),
        Some(_) => read_run(&mut table),
        None => None,
    };
    keys::finish_as(&table, &keys::TRIGGER, kind);
    Some((id, Trigger { id: String::new(), source: source?, when, input, debounce, rate }))
}

/// The name that the author gave the trigger.
fn read_id(table: &mut Table<'_>) -> Option<String> {
    let id = table.string("id")?;
    let probe = TriggerName::new(&format!("w.{id}"));
    if probe.is_ok() && id.len() <= ID_BYTES_MAX {
        return Some(id);
    }
    let message = format!("`{}` is no id of a trigger", clip(&id));
    let help = format!(
        "use lower-case letters, digits, `-` and `_`, beginning with a letter, at most \
         {ID_BYTES_MAX}"
    );
    table.report(&[Step::Key("id")], "invalid-value", message, Some(help));
    None
}

fn read_rate(mut table: Table<'_>) -> Option<Rate> {
    table.require(&["count", "per"]);
    let count = table.integer("count", 1..=RATE_MAX);
    let per = table.duration("per", LONG_TIMES);
    keys::finish(&table, &keys::RATE);
    Some(Rate { count: u32::try_from(count?).ok()?, per: per? })
}

fn read_cron(table: &mut Table<'_>) -> Option<Source> {
    table.require(&["schedule"]);
    let schedule = table.parsed("schedule");
    let timezone = read_name(table, "timezone", "a time zone", "/-_+");
    let catch_up = table.choice(
        "catch_up",
        &[("none", CatchUp::None), ("last", CatchUp::Last), ("all", CatchUp::All)],
    );
    let overlap = table.choice(
        "overlap",
        &[
            ("allow", Overlap::Allow),
            ("skip", Overlap::Skip),
            ("cancel-running", Overlap::CancelRunning),
        ],
    );
    Some(Source::Cron(CronSource {
        schedule: schedule?,
        timezone: timezone.unwrap_or_else(|| "UTC".to_owned()),
        catch_up: catch_up.unwrap_or(CatchUp::None),
        overlap: overlap.unwrap_or(Overlap::Allow),
    }))
}

fn read_webhook(table: &mut Table<'_>) -> Option<Source> {
    table.require(&["path"]);
    let path = read_name(table, "path", "a webhook", "-_");
    if path.as_deref() == Some(GITHUB_PATH) {
        let help = "deliveries of GitHub come in there: take `kind = \"github\"`, or another path";
        let message = format!("the path `{GITHUB_PATH}` is taken");
        table.report(&[Step::Key("path")], "invalid-value", message, Some(help.to_owned()));
    }
    let secret = read_name(table, "secret", "a secret", "-_.");
    let verify = table.choice(
        "verify",
        &[
            ("hmac-sha256", Verify::HmacSha256),
            ("standard-webhooks", Verify::StandardWebhooks),
            ("none", Verify::None),
        ],
    );
    let is_open = verify == Some(Verify::None);
    if !is_open && !table.has("secret") {
        let help = "name a secret of the host, or say `verify = \"none\"`: then anybody who \
                    reaches the host may start runs";
        table.report(
            &[],
            "missing-key",
            "there is no `secret` to check requests with",
            Some(help.into()),
        );
    }
    if is_open && table.has("secret") {
        let help = Some("leave out one of them".to_owned());
        let message = "the secret is not used: nothing is verified";
        table.report(&[Step::Key("secret")], "too-many-keys", message, help);
    }
    Some(Source::Webhook(Webhook {
        path: path?,
        secret,
        verify: verify.unwrap_or(Verify::HmacSha256),
    }))
}

fn read_github(table: &mut Table<'_>) -> Option<Source> {
    table.require(&["events"]);
    let secret = read_name(table, "secret", "a secret", "-_.");
    let events = read_words(table, "events")?;
    for (place, event) in events.iter().enumerate() {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let parts: Vec<_> = event.split('.').collect();
        if parts.len() > 2
            || event.len() > NAME_BYTES_MAX
            || !parts.iter().all(|part| is_word(part))
        {
            let message = format!("`{}` is no event of GitHub", clip(event));
            let help = "write the event and maybe its action, such as `issues.opened` or `push`";
            let path = [Step::Key("events"), Step::Item(place)];
            table.report(&path, "invalid-value", message, Some(help.to_owned()));
        }
    }
    Some(Source::Github { events, secret })
}

fn read_file(table: &mut Table<'_>) -> Option<Source> {
    table.require(&["path"]);
    let path = table.string("path");
    let words = [
        ("created", FileEvent::Created),
        ("modified", FileEvent::Modified),
        ("removed", FileEvent::Removed),
    ];
    let events = match table.has("events") {
        true => read_listed(table, "events", &words)?,
        false => words.map(|(_, event)| event).into(),
    };
    let path = path?;
    let leaves = path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..");
    if path.is_empty() || path.len() > 1_024 || leaves || path.contains('\0') {
        let message = format!("`{}` is no path within the host's folder", clip(&path));
        let help = "write a path without `..` that does not begin with `/`".to_owned();
        table.report(&[Step::Key("path")], "invalid-value", message, Some(help));
    }
    Some(Source::File { path, events })
}

fn read_run(table: &mut Table<'_>) -> Option<Source> {
    table.require(&["workflow"]);
    let workflow = table.parsed("workflow");
    let words = [Outcome::Succeeded, Outcome::Failed, Outcome::Cancelled, Outcome::TimedOut]
        .map(|outcome| (outcome.as_str(), outcome));
    let outcomes = match table.has("outcomes") {
        true => read_listed(table, "outcomes", &words)?,
        false => vec![Outcome::Succeeded],
    };
    Some(Source::Run { workflow: workflow?, outcomes })
}

/// Reads a list of texts that must not be empty.
fn read_words(table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let words = table.strings(key)?;
    if words.is_empty() {
        let message = "the list is empty, so nothing would ever happen";
        table.report(&[Step::Key(key)], "invalid-value", message, None);
    }
    Some(words)
}

/// Reads a list of words of `choices`.
fn read_listed<T: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    choices: &[(&str, T)],
) -> Option<Vec<T>> {
    let words = read_words(table, key)?;
    let mut values = Vec::with_capacity(words.len());
    for (place, word) in words.iter().enumerate() {
        if let Some((_, value)) = choices.iter().find(|(known, _)| known == word) {
            values.push(*value);
            continue;
        }
        let known: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let help = table
            .document()
            .did_you_mean(word, choices.iter().map(|(word, _)| *word))
            .unwrap_or_else(|| format!("it must be one of {}", known.join(", ")));
        let message = format!("unknown value `{}`", clip(word));
        table.report(&[Step::Key(key), Step::Item(place)], "unknown-value", message, Some(help));
    }
    Some(values)
}

/// Reads a name of letters, digits and the characters of `more`.
fn read_name(table: &mut Table<'_>, key: &'static str, kind: &str, more: &str) -> Option<String> {
    let name = table.string(key)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= NAME_BYTES_MAX
        && name.chars().all(is_part);
    if is_name {
        return Some(name);
    }
    let message = format!("`{}` is no name of {kind}", clip(&name));
    let signs: Vec<_> = more.chars().map(|c| format!("`{c}`")).collect();
    let help = format!("use letters, digits and {}, at most {NAME_BYTES_MAX}", signs.join(", "));
    table.report(&[Step::Key(key)], "invalid-value", message, Some(help));
    None
}
