//! Signing, installing and removing plugins.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::place::{Host, Place, component};

const RENDERS: &str = r#"
id = "renders"
version = "1.0.0"

[[tasks]]
id = "render"
type = "text.render"
input = { template = "x", values = {} }
"#;

impl Place {
    /// A component in a folder of an author.
    fn author(&self) {
        fs::create_dir(self.path("dist")).expect("made");
        fs::copy(component("text"), self.path("dist/text.wasm")).expect("copied");
    }

    /// The line of base64 in the file of a public key.
    fn public_key(&self, file: &str) -> String {
        let text = fs::read_to_string(self.path(file)).expect("readable");
        text.lines().nth(1).expect("a key").to_owned()
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).expect("readable")
    }
}

#[test]
fn keys_are_made_once_and_secret_ones_are_their_owner_s() {
    let place = Place::new();
    let made = place.taskloom("plugin keygen ours --no-password").expect(0);
    made.says(&[
        "made ours.key (keep it secret) and ours.pub",
        "[plugins]",
        "trusted_keys = [\"RW",
    ]);
    let mode = fs::metadata(place.path("ours.key")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = place.taskloom("plugin keygen ours --no-password").expect(2);
    again.says(&["`ours.key` is there", "no key is overwritten"]);
    place.taskloom("plugin keygen other").expect(1).says(&["a password is needed"]);
    place.taskloom_with("plugin keygen other", "\n").expect(1).says(&["the password is empty"]);
    assert!(!place.path("other.key").exists());
}

#[test]
fn a_signature_is_made_and_checked() {
    let place = Place::new();
    place.author();
    place.taskloom_with("plugin keygen ours", "a password\n").expect(0);
    place.taskloom("plugin keygen theirs --no-password").expect(0);
    let sign = "plugin sign dist/text.wasm --key";
    place.taskloom(&format!("{sign} nowhere.key")).expect(2).says(&["no secret key `nowhere.key`"]);
    place.taskloom(&format!("{sign} ours.pub")).expect(2).says(&["is no secret key of minisign"]);
    let wrong = place.taskloom_with(&format!("{sign} ours.key"), "another\n").expect(2);
    wrong.says(&["`ours.key` cannot be opened", "password"]);
    let signed = place.taskloom_with(&format!("{sign} ours.key"), "a password\n").expect(0);
    signed.says(&["signed dist/text.wasm in dist/text.wasm.minisig"]);

    let verify = "plugin verify dist/text.wasm";
    let good = place.taskloom(&format!("{verify} --key ours.pub")).expect(0);
    good.says(&["dist/text.wasm is signed with key "]);
    let alone = format!("{verify} --key {}", place.public_key("ours.pub"));
    assert_eq!(place.taskloom(&alone).expect(0).out, good.out);
    let other = place.taskloom(&format!("{verify} --key theirs.pub")).expect(1);
    other.says(&["none of `plugins.trusted_keys`"]);
    place.taskloom(verify).expect(2).says(&["no key is trusted", "--key"]);
    place.taskloom(&format!("{verify} --key RW")).expect(2).says(&["no public key of minisign"]);
    place.write(
        "taskloom.toml",
        &format!("[plugins]\ntrusted_keys = [\"{}\"]\n", place.public_key("ours.pub")),
    );
    place.taskloom(verify).expect(0);

    let mut changed = place.read("dist/text.wasm");
    changed.extend([0, 3, 1, b'v', 1]);
    fs::write(place.path("dist/text.wasm"), changed).expect("written");
    place.taskloom(verify).expect(1).says(&["does not fit the file"]);
    fs::remove_file(place.path("dist/text.wasm.minisig")).expect("removed");
    place.taskloom(verify).expect(1).says(&["it is not signed"]);
}

#[test]
fn what_is_installed_is_taken_up_and_what_is_removed_goes() {
    let place = Place::new();
    place.author();
    for file in ["plugins/noop.wasm", "plugins/hostile.wasm"] {
        fs::remove_file(place.path(file)).expect("removed");
    }
    place.taskloom("plugin keygen ours --no-password").expect(0);
    let key = place.public_key("ours.pub");
    let rules = format!("[plugins]\nrequire_signed = true\ntrusted_keys = [\"{key}\"]\n");
    place.write("taskloom.toml", &rules);

    let install = "plugin install dist/text.wasm";
    place.taskloom(install).expect(1).says(&["it is not signed", "plugin sign text.wasm"]);
    assert!(!place.path("plugins/text.wasm").exists());
    place.write("dist/broken.wasm", "no component");
    place.taskloom("plugin install dist/broken.wasm").expect(1).says(&["`dist/broken.wasm`"]);
    place.taskloom("plugin install dist/nothing.wasm").expect(2).says(&["cannot be read"]);

    place.taskloom("plugin sign dist/text.wasm --key ours.key").expect(0);
    place.write("dist/text.policy.toml", "[[http]]\nhots = \"a.test\"\n");
    place.taskloom(install).expect(2).says(&["its policy is wrong", "did you mean `host`"]);
    place.write("dist/text.policy.toml", "[limits]\nmemory = \"32MiB\"\n");
    let done = place.taskloom(install).expect(0);
    done.says(&[
        "installed text ",
        "plugins/text.wasm (signed with key ",
        "policy.toml was copied",
    ]);
    place.write("plugins/text.policy.toml", "[limits]\nmemory = \"16MiB\"\n");
    place.taskloom(install).expect(0).says(&["says what is granted to it, as before"]);
    assert!(String::from_utf8_lossy(&place.read("plugins/text.policy.toml")).contains("16MiB"));
    let files = fs::read_dir(place.path("plugins")).expect("there").count();
    assert_eq!(files, 3, "nothing unfinished is left");

    place.write("workflows/renders.toml", RENDERS);
    let host = Host::start(&place);
    // The host looks at what is there before it has compiled it: a run of the plugin waits for that.
    let server = &host.address;
    let wait = format!("runs start renders --wait --json --server {server}");
    place.taskloom(&wait).expect(0);
    let shown = place.taskloom(&format!("plugin show text --json --server {server}"));
    let shown = shown.expect(0).json();
    done.says(&[shown["signed_by"].as_str().expect("it is signed")]);

    let removed = place.taskloom("plugin remove text").expect(0);
    removed.says(&["removed", "plugins/text.wasm", "text.policy.toml stays"]);
    assert!(!place.path("plugins/text.wasm.minisig").exists());
    place.taskloom("plugin remove text").expect(2).says(&["nothing was removed"]);
    place.taskloom_words(&["plugin", "remove", "A B"], "").expect(2).says(&["`A B`"]);
}
