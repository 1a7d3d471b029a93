//! `taskloom plugin keygen`, `sign` and `verify`: signatures in the format of minisign.

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use minisign::{KeyPair, SecretKey, SecretKeyBox};
use taskloom_core::id::PluginName;
use taskloom_wasm::{
    COMPONENT_BYTES_MAX, SIGNATURE_BYTES_MAX, SIGNATURE_SUFFIX, SignatureRules, TrustedKey,
    trusted_comment,
};

use super::args::{PluginKeygen, PluginSign, PluginVerify};
use super::output::{one_line, print};
use super::{Done, Failed};
use crate::config::Config;

/// The variable that holds the password of the secret key.
const PASSWORD_VARIABLE: &str = "TASKLOOM_SIGNING_PASSWORD";

/// The longest password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// The longest file of a key, in bytes; one has about 350.
const KEY_BYTES_MAX: u64 = 4 * 1024;

/// A file that is signed or is to be.
pub(super) struct SignedFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl SignedFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), bytes: read(path, COMPONENT_BYTES_MAX)? })
    }

    /// The name that a host would know it by.
    fn stem(&self) -> Result<PluginName> {
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let shown = self.path.display();
        PluginName::new(stem).with_context(|| format!("`{shown}` has no name of a plugin"))
    }

    pub(super) fn signature_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(SIGNATURE_SUFFIX);
        path.into()
    }

    /// The signature beside it, if there is one.
    pub(super) fn signature(&self) -> Result<Option<String>> {
        let path = self.signature_path();
        if !path.exists() {
            return Ok(None);
        }
        let text = String::from_utf8(read(&path, SIGNATURE_BYTES_MAX)?);
        text.map(Some).with_context(|| format!("`{}` is no text in UTF-8", path.display()))
    }
}

pub(super) fn keygen(arguments: &PluginKeygen) -> Result<Done, Failed> {
    let with = |ending: &str| {
        let mut path = arguments.name.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    };
    let (secret_path, public_path) = (with(".key"), with(".pub"));
    for path in [&secret_path, &public_path] {
        if path.exists() {
            let shown = path.display();
            return Err(Failed::invalid(anyhow!("`{shown}` is there, and no key is overwritten")));
        }
    }
    let failed = |error: minisign::PError| anyhow!("a key cannot be made: {error}");
    let KeyPair { pk, sk } = if arguments.no_password {
        KeyPair::generate_unencrypted_keypair().map_err(failed)?
    } else {
        KeyPair::generate_encrypted_keypair(Some(new_password()?)).map_err(failed)?
    };
    let secret = sk.to_box(Some("secret key that signs plugins")).map_err(failed)?;
    write_new(&secret_path, &secret.into_string(), 0o600)?;
    write_new(&public_path, &pk.to_box().map_err(failed)?.into_string(), 0o644)?;
    let text = format!(
        "made {} (keep it secret) and {}\n\nhosts that are to believe its signatures need in taskloom.toml:\n\n  [plugins]\n  \
         trusted_keys = [\"{}\"]\n",
        secret_path.display(),
        public_path.display(),
        pk.to_base64()
    );
    print(&text).map_err(anyhow::Error::from)?;
    Ok(Done::Well)
}

pub(super) fn sign(arguments: &PluginSign) -> Result<Done, Failed> {
    let file = SignedFile::read(&arguments.file).map_err(Failed::invalid)?;
    let stem = file.stem().map_err(Failed::invalid)?;
    let key = secret_key(&arguments.key).map_err(Failed::invalid)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let comment = trusted_comment(&stem, now);
    let signed = minisign::sign(None, &key, &file.bytes[..], Some(&comment), None);
    let signed = signed.map_err(|error| anyhow!("`{}`: {error}", file.path.display()))?;
    let path = file.signature_path();
    fs::write(&path, signed.into_string())
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
    print(&format!("signed {} in {}\n", file.path.display(), path.display()))
        .map_err(anyhow::Error::from)?;
    Ok(Done::Well)
}

pub(super) fn verify(arguments: &PluginVerify) -> Result<Done, Failed> {
    let file = SignedFile::read(&arguments.file).map_err(Failed::invalid)?;
    let stem = file.stem().map_err(Failed::invalid)?;
    let trusted = trusted(arguments).map_err(Failed::invalid)?;
    let rules = SignatureRules { required: true, trusted };
    match rules.check(&stem, &file.bytes, file.signature()?.as_deref()) {
        Ok(key) => {
            let key = key.map(|key| key.to_string()).unwrap_or_default();
            print(&format!("{} is signed with key {key}\n", file.path.display()))
                .map_err(anyhow::Error::from)?;
            Ok(Done::Well)
        }
        Err(error) => {
            print(&format!("{}: {}\n", file.path.display(), one_line(&error.to_string())))
                .map_err(anyhow::Error::from)?;
            Ok(Done::Badly)
        }
    }
}

/// The keys that were named, else those of the configuration.
fn trusted(arguments: &PluginVerify) -> Result<Vec<TrustedKey>> {
    if arguments.key.is_empty() {
        let config = Config::load(&arguments.folders.sources(Vec::new()))?;
        if config.plugins.signatures.trusted.is_empty() {
            bail!(
                "no key is trusted: name one by `--key`, or in `plugins.trusted_keys` of the configuration"
            );
        }
        return Ok(config.plugins.signatures.trusted);
    }
    let one = |text: &String| {
        let path = Path::new(text);
        let content = match path.is_file() {
            true => String::from_utf8_lossy(&read(path, KEY_BYTES_MAX)?).into_owned(),
            false => text.clone(),
        };
        TrustedKey::read(&content).map_err(|reason| anyhow!("`{text}`: {reason}"))
    };
    arguments.key.iter().map(one).collect()
}

fn secret_key(path: &Path) -> Result<SecretKey> {
    let shown = path.display();
    let text = read(path, KEY_BYTES_MAX).with_context(|| {
        format!("there is no secret key `{shown}`: `taskloom plugin keygen` makes one")
    })?;
    let text = String::from_utf8(text).with_context(|| format!("`{shown}` is no secret key"))?;
    let read = || SecretKeyBox::from_string(&text);
    let plain = read().and_then(SecretKeyBox::into_unencrypted_secret_key);
    if let Ok(key) = plain {
        return Ok(key);
    }
    // What is no key at all needs no password to be told so.
    if !text.lines().nth(1).is_some_and(|line| line.starts_with("RWRT")) {
        bail!("`{shown}` is no secret key of minisign");
    }
    let password = password("password of the secret key")?;
    let key = read().and_then(|key| key.into_secret_key(Some(password)));
    key.map_err(|error| anyhow!("`{shown}` cannot be opened: {error}"))
}

fn new_password() -> Result<String> {
    let password = password("new password")?;
    if password.is_empty() {
        bail!("the password is empty; `--no-password` makes a key without one");
    }
    Ok(password)
}

/// A password: from the environment, else from the terminal, else the first line of standard input.
fn password(what: &str) -> Result<String> {
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(password);
    }
    let mut input = std::io::stdin();
    if input.is_terminal() {
        return rpassword::prompt_password(format!("{what}: ")).context("reading a password");
    }
    let mut text = String::new();
    input
        .by_ref()
        .take(PASSWORD_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .context("reading a password")?;
    if text.is_empty() {
        bail!("a password is needed: set {PASSWORD_VARIABLE}, or write it to standard input");
    }
    if text.len() as u64 > PASSWORD_BYTES_MAX {
        bail!("the password has more than {PASSWORD_BYTES_MAX} bytes");
    }
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("`{}` cannot be written", path.display()))
}

/// A file of at most `most` bytes.
fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(|| format!("`{shown}` cannot be read"))?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("`{shown}` cannot be read"))?;
    if bytes.len() as u64 > most {
        bail!("`{shown}` has more than {most} bytes");
    }
    Ok(bytes)
}
