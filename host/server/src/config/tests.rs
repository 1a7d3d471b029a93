//! The configuration from all its sources.

use expect_test::{Expect, expect};

use super::*;

/// Loads a file with this text, these variables and flags.
fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("taskloom.toml"), file).expect("written");
    let sources = Sources {
        file: None,
        flags: flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        folder: Some(folder.path().to_owned()),
    };
    Config::load(&sources).map_err(|error| {
        let clean =
            |problem: &String| problem.replace(&format!("{}/", folder.path().display()), "");
        ConfigError { problems: error.problems.iter().map(clean).collect() }
    })
}

fn check_problems(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
    expected: Expect,
) {
    let error = load(file, environment, flags).expect_err("it is wrong");
    expected.assert_eq(&error.problems.join("\n"));
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = Config::load(&Sources::default()).expect("the defaults are right");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.body_bytes_max, 8 << 20);
    assert_eq!(config.limits.defaults, CallLimits::DEFAULTS);
    assert_eq!(config.limits.ceilings, CallLimits::CEILINGS);
    assert_eq!(config.limits.losses, LossLimits::default());
    assert_eq!(config.data.folder, PathBuf::from("taskloom-data"));
    assert_eq!(config.slots.per_class[1], 1024);
    assert!(config.slots.per_class[0] >= 1, "a slot for every core");
    assert!(!config.server.name.is_empty());
}

#[test]
fn values_are_any_table_and_are_read_as_they_are() {
    let config = load("[values]\na = 1\n[values.b]\nc = [true, 'x']\n", &[], &[]).expect("right");
    assert_eq!(*config.values, serde_json::json!({ "a": 1, "b": { "c": [true, "x"] } }));
    let config = load("", &[], &[]).expect("right");
    assert_eq!(*config.values, serde_json::json!({}));
}

#[test]
fn values_that_json_has_not_are_wrong() {
    check_problems(
        "[values]\nsince = 2026-01-01\n",
        &[],
        &[],
        expect![
            "taskloom.toml:2:9: values: 2026-01-01 is a TOML date or time, which JSON has not; put it into quotes"
        ],
    );
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\nshutdown_grace = \"1s\"\n[slots]\ncpu = 1\n";
    let environment = [("TASKLOOM_LISTEN", "127.0.0.1:2"), ("TASKLOOM_SLOTS_CPU", "2")];
    let config = load(file, &environment, &[("server.listen", "127.0.0.1:3")]).expect("right");
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.slots.per_class[0], 2);
    assert_eq!(config.server.shutdown_grace, Duration::from_secs(1));
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for key in keys::KEYS {
        let value = match key.preset {
            keys::Preset::Text(text) => text,
            keys::Preset::Cores => "3",
            keys::Preset::None | keys::Preset::HostName => "name",
        };
        let variable = key.variable();
        let sources = Sources {
            environment: vec![(variable.clone(), value.to_owned())],
            ..Sources::default()
        };
        let settings = Settings::load(&sources).expect("right");
        assert_eq!(settings.get(key.path).source, Source::Environment(variable));
    }
}

#[test]
fn folders_in_the_file_are_relative_to_it() {
    let config = load("[data]\nfolder = \"journal\"\n", &[], &[]).expect("right");
    assert!(config.data.folder.is_absolute() && config.data.folder.ends_with("journal"));
    let config = load("", &[("TASKLOOM_DATA", "journal")], &[]).expect("right");
    assert_eq!(config.data.folder, PathBuf::from("journal"));
}

#[test]
fn everything_wrong_in_every_source_is_reported_at_once() {
    check_problems(
        "[server]\nlisten = 5\nlsiten = \"x\"\n[limits.max]\nfule = 1\nmemory = \"9TiB\"\n[slot]\n",
        &[("TASKLOOM_SLOTS_CPU", "0"), ("TASKLOOM_LOG_FORMAT", "jsn"), ("TASKLOOM_LISTEN", "here")],
        &[("data.folder", "")],
        expect![[r#"
            taskloom.toml:2:10: server.listen: a string is expected, not a whole number
            taskloom.toml:3:1: server.lsiten: unknown key `lsiten`; did you mean `listen`?
            taskloom.toml:5:1: limits.max.fule: unknown key `fule`; did you mean `fuel`?
            taskloom.toml:6:10: limits.max.memory: `9TiB` is no size; write bytes as a number, or a number and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as "64MiB"
            taskloom.toml:7:2: slot: unknown key `slot`; did you mean `slots`?
            TASKLOOM_SLOTS_CPU: 0 is out of range; it must be from 1 to 4096
            TASKLOOM_LOG_FORMAT: unknown value `jsn`; did you mean `json`?
            TASKLOOM_LISTEN: `here` is no address and port such as `127.0.0.1:8080` or `[::1]:8080`
            --data: must not be empty"#]],
    );
}

#[test]
fn a_default_cannot_exceed_its_ceiling() {
    check_problems(
        "[limits]\nmemory = \"2GiB\"\n",
        &[("TASKLOOM_LIMITS_MAX_TIMEOUT", "10s")],
        &[],
        expect![[r#"
            taskloom.toml: limits.memory: "2GiB" is more than `limits.max.memory`, which is "1GiB" (default)
            default: limits.timeout: "30s" is more than `limits.max.timeout`, which is "10s" (TASKLOOM_LIMITS_MAX_TIMEOUT)"#]],
    );
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let sources = Sources { file: Some("/nowhere/taskloom.toml".into()), ..Sources::default() };
    let error = Config::load(&sources).expect_err("it is not there");
    assert!(error.to_string().contains("/nowhere/taskloom.toml"), "{error}");
}

#[test]
fn a_variable_that_is_nearly_a_key_is_pointed_out() {
    let environment = vec![("TASKLOOM_SLOT_CPU".to_owned(), "1".to_owned())];
    let sources = Sources { environment, ..Sources::default() };
    let settings = Settings::load(&sources).expect("not an error");
    assert!(settings.warnings[0].contains("TASKLOOM_SLOTS_CPU"), "{:?}", settings.warnings);
}

#[test]
fn the_guide_has_every_key_with_its_default() {
    let guide = include_str!("../../../../docs/configuration.md");
    for key in keys::KEYS {
        let row = format!("| `{}` | {} | `{}` |", key.path, preset(key), key.variable());
        assert!(
            guide.contains(&row),
            "docs/configuration.md lacks this row:\n{row} {} |",
            key.docs
        );
        assert!(guide.contains(key.docs), "docs/configuration.md lacks: {}", key.docs);
    }
}

fn preset(key: &keys::Key) -> String {
    match key.preset {
        keys::Preset::Text(text) => format!("`{text}`"),
        _ => key.preset_text(),
    }
}

#[test]
fn signatures_are_believed_of_keys_that_are_keys() {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let file = format!("[plugins]\nrequire_signed = true\ntrusted_keys = [\"{key}\"]\n");
    let signatures = load(&file, &[], &[]).expect("right").plugins.signatures;
    assert!(signatures.required);
    assert_eq!(signatures.trusted[0].id().to_string(), "E7620F1842B4E81F");
    let environment =
        [("TASKLOOM_PLUGINS_REQUIRE_SIGNED", "true"), ("TASKLOOM_PLUGINS_TRUSTED_KEYS", key)];
    assert_eq!(load("", &environment, &[]).expect("right").plugins.signatures, signatures);
    let problems = |file: &str| load(file, &[], &[]).expect_err("it is wrong").problems.join("\n");
    let wrong = problems("[plugins]\ntrusted_keys = [\"RW\", \"x\\ny\"]\n");
    assert!(wrong.contains("plugins.trusted_keys[0]: `RW`: it is no public key"), "{wrong}");
    assert!(wrong.contains("plugins.trusted_keys[1]"), "{wrong}");
    let nobody = problems("[plugins]\nrequire_signed = true\n");
    assert!(nobody.contains("no plugin could be loaded"), "{nobody}");
    let word = problems("[plugins]\nrequire_signed = \"yes\"\n");
    assert!(word.contains("require_signed"), "{word}");
}

#[test]
fn a_policy_in_the_configuration_is_read_as_one_beside_a_plugin() {
    let file = "[plugins]\nsettle = \"1s\"\n[plugins.policy.hello]\nlimits = { memory = \"32MiB\" }\n\
                [[plugins.policy.hello.http]]\nhost = \"api.test\"\n";
    let config = load(file, &[], &[]).expect("right");
    let (name, policy) = config.plugins.policies.iter().next().expect("one");
    assert_eq!((name.as_str(), policy.grants().iter().count()), ("hello", 1));
    assert!(policy.origin().starts_with("[plugins.policy.hello] of "), "{}", policy.origin());
    check_problems(
        "[plugins.policy.\"A B\"]\n[plugins.policy.hello]\nlimit = 1\n\
         [[plugins.policy.hello.http]]\nhots = \"api.test\"\n",
        &[],
        &[],
        expect![[r#"
            taskloom.toml:1:1: plugins.policy."A B": `A B` is no plugin name: it must be lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes
            taskloom.toml:3:1: plugins.policy.hello.limit: unknown key `limit`; did you mean `limits`?
            taskloom.toml:4:1: plugins.policy.hello.http[0].host: is missing
            taskloom.toml:5:1: plugins.policy.hello.http[0].hots: unknown key `hots`; did you mean `host`?"#]],
    );
}
