//! A folder with plugins and workflows, the program called in it, and a host that serves it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const ECHO: &str = r#"
id = "echo"
version = "1.0.0"
input = { type = "object", properties = { say = { type = "string" } } }
output = "${tasks.echo.output}"

[[tasks]]
id = "echo"
type = "hostile.echo"
input = { said = "${input}" }
"#;

const FAILS: &str = r#"
id = "fails"
version = "1.0.0"

[[tasks]]
id = "fails"
type = "hostile.fail"
input = { class = "permanent", code = "no-luck", message = "out of \u001b[31mluck" }
"#;

const TALKS: &str = r#"
id = "talks"
version = "1.0.0"

[[tasks]]
id = "talk"
type = "hostile.talk"
input = { lines = 3 }
"#;

/// Folders with plugins and workflows, removed at the end of the test.
pub struct Place(TempDir);

/// What a finished command printed, and how it ended.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        for folder in ["plugins", "workflows"] {
            fs::create_dir(place.path(folder)).expect("made");
        }
        for plugin in ["hostile", "noop"] {
            let to = place.path("plugins").join(format!("{plugin}.wasm"));
            fs::copy(component(plugin), to).expect("copied");
        }
        for (name, source) in [("echo", ECHO), ("fails", FAILS), ("talks", TALKS)] {
            place.write(&format!("workflows/{name}.toml"), source);
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// Runs `taskloom` in the folder.
    pub fn taskloom(&self, arguments: &str) -> Done {
        self.taskloom_with(arguments, "")
    }

    pub fn taskloom_with(&self, arguments: &str, input: &str) -> Done {
        let words: Vec<_> = arguments.split_whitespace().collect();
        self.taskloom_words(&words, input)
    }

    /// As [`Self::taskloom`], on a machine whose search path is `path`.
    pub fn taskloom_in_path(&self, path: &str, arguments: &str) -> Done {
        let words: Vec<_> = arguments.split_whitespace().collect();
        ended(self.command(&words).env("PATH", path), "")
    }

    /// As [`Self::taskloom`], with words that may hold spaces.
    pub fn taskloom_words(&self, words: &[&str], input: &str) -> Done {
        ended(&mut self.command(words), input)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskloom"));
        command.args(words).current_dir(self.0.path());
        for (name, _) in std::env::vars_os() {
            if !is_of_a_person(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        // Projects of the tests are compiled into one folder, so that what they depend on is compiled once.
        let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kit");
        command.env("CARGO_TARGET_DIR", &kit).env("XDG_CACHE_HOME", kit.join("cache"));
        command
    }
}

/// Runs a command to its end.
fn ended(command: &mut Command, input: &str) -> Done {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that does not read its input may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Whether a variable is what a person would have, rather than what configures the program, or what a
/// build of this program (such as one that counts the lines it reaches) adds.
fn is_of_a_person(name: &str) -> bool {
    let added = ["TASKLOOM_", "CARGO_PKG_", "CARGO_MANIFEST_", "__CARGO", "CARGO_LLVM_COV"];
    let flags =
        ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];
    !added.iter().any(|prefix| name.starts_with(prefix)) && !flags.contains(&name)
}

impl Done {
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        let all = format!("{}\n{}", self.out, self.err);
        for part in parts {
            assert!(all.contains(part), "`{part}` is not in:\n{all}");
        }
        assert!(!all.contains('\u{1b}'), "no colours and nothing a terminal obeys: {all:?}");
    }
}

/// A built component, a plugin that ships or a test guest.
pub fn component(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = root.join("plugins").join(format!("{name}.wasm"));
    let guest = root.join("target/guests/components").join(format!("{name}.wasm"));
    let found = [shipped, guest].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no component `{name}`: run `cargo xtask plugins` first"))
}

/// Whether this machine cannot build guests in a language, which is said too.
pub fn is_left_out(language: &str) -> bool {
    let list = repository().join("target/guests/left-out.txt");
    let list = fs::read_to_string(list).unwrap_or_default();
    let reason = list.lines().find(|line| line.contains(&format!("guests in {language} ")));
    if let Some(reason) = reason {
        // Not by a macro: what those print is kept back when the test passes.
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {reason}");
    }
    reason.is_some()
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A running `taskloom serve`, stopped at the end of the test.
pub struct Host {
    child: Child,
    pub address: String,
}

impl Host {
    pub fn start(place: &Place) -> Self {
        let mut child = place
            .command(&["serve", "--listen", "127.0.0.1:0", "--data", "data"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, address }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Dead already if the test failed on that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
