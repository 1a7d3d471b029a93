//! Signatures of plugin files: Ed25519 in the format of minisign, in `<stem>.wasm.minisig` beside the file.
//!
//! A signature says that the holder of a key wants these bytes under this name to be run. It is checked on the bytes that are
//! loaded, before anything of them is compiled, and kept with them: a version that a run has pinned is checked again.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
// The library that signs reads well-formed signatures only: foreign bytes would panic.
use minisign_verify::{PublicKey, Signature};
use taskloom_core::id::PluginName;

/// What follows the name of a signed file.
pub const SIGNATURE_SUFFIX: &str = ".minisig";

/// The longest signature file, in bytes; one has about 300.
pub const SIGNATURE_BYTES_MAX: u64 = 4 * 1024;

/// Tells keys apart, and protects nothing: anybody can make a key with the number of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The number in a key or a signature in base64: both begin with two bytes for the algorithm.
    fn of(base64: &str) -> Option<Self> {
        let bytes = STANDARD.decode(base64.trim()).ok()?;
        Some(Self(bytes.get(2..10)?.try_into().ok()?))
    }
}

impl fmt::Display for KeyId {
    /// As minisign writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

const NO_KEY: &str =
    "it is no public key of minisign: it has 56 letters and digits and begins with `RW`";

/// A public key of somebody who is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    id: KeyId,
    key: PublicKey,
}

impl TrustedKey {
    /// Reads a key: the line of base64 alone (`RW…`), or the whole file that `taskloom plugin keygen` or minisign makes.
    ///
    /// # Errors
    /// What the text is instead.
    pub fn read(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let key = match lines[..] {
            [key] => key,
            [comment, key] if comment.starts_with("untrusted comment:") => key,
            _ => return Err(NO_KEY.to_owned()),
        };
        let (read, id) = (PublicKey::from_base64(key), KeyId::of(key));
        match (read, id) {
            (Ok(key), Some(id)) => Ok(Self { id, key }),
            _ => Err(NO_KEY.to_owned()),
        }
    }

    /// Its number.
    pub const fn id(&self) -> KeyId {
        self.id
    }
}

/// Whose signatures are believed, and whether there must be one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignatureRules {
    /// Whether a file without a signature by one of [`Self::trusted`] is refused.
    pub required: bool,
    /// Whose signatures are believed. While this is empty and none is required, signatures are not looked at.
    pub trusted: Vec<TrustedKey>,
}

/// A file is not signed as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error(
        "it is not signed, and `plugins.require_signed` wants a signature: sign it with `taskloom plugin sign {0}.wasm`, \
         and put {0}.wasm.minisig beside it"
    )]
    Missing(PluginName),
    /// The signature is no signature.
    #[error("{0}.wasm.minisig is no signature in the format of minisign")]
    Malformed(PluginName),
    /// It was made with a key that is not trusted.
    #[error(
        "it is signed with key {key}, which is none of `plugins.trusted_keys`: add its public key there if you trust it"
    )]
    Untrusted {
        /// The key.
        key: KeyId,
    },
    /// The file is not what was signed.
    #[error(
        "{stem}.wasm.minisig does not fit the file: one of them was changed after it was signed with key {key}, or they do not \
         belong together"
    )]
    Wrong {
        /// The file's stem.
        stem: PluginName,
        /// The key.
        key: KeyId,
    },
    /// What was signed was meant to have another name.
    #[error(
        "its signature was made for a file of the name `{meant}`: rename it, or have {stem}.wasm signed"
    )]
    OtherName {
        /// The file's stem.
        stem: PluginName,
        /// The name in the signature.
        meant: String,
    },
}

impl SignatureRules {
    /// Checks the signature of a file; gives the key that is answerable for it, `None` if nobody is and nobody has to be.
    ///
    /// # Errors
    /// When the file must not be loaded.
    pub fn check(
        &self,
        stem: &PluginName,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<KeyId>, SignatureError> {
        let Some(signature) = signature else {
            let missing = SignatureError::Missing(stem.clone());
            return if self.required { Err(missing) } else { Ok(None) };
        };
        if self.trusted.is_empty() && !self.required {
            return Ok(None);
        }
        let (signature, key) = parse(stem, signature)?;
        // Keys can share a number: any of them may be the one.
        let candidates: Vec<&TrustedKey> =
            self.trusted.iter().filter(|trusted| trusted.id() == key).collect();
        if candidates.is_empty() {
            return Err(SignatureError::Untrusted { key });
        }
        let verified = candidates.iter().map(|trusted| verify(stem, bytes, &signature, trusted));
        verified.reduce(Result::or).transpose().map(|_| Some(key))
    }
}

/// Checks a file against one key, whatever a host would require.
///
/// # Errors
/// When the signature is not by this key, or not for this file.
pub fn verify_signature(
    stem: &PluginName,
    bytes: &[u8],
    signature: &str,
    key: &TrustedKey,
) -> Result<KeyId, SignatureError> {
    let rules = SignatureRules { required: true, trusted: vec![key.clone()] };
    rules.check(stem, bytes, Some(signature))?;
    Ok(key.id())
}

fn parse(stem: &PluginName, text: &str) -> Result<(Signature, KeyId), SignatureError> {
    let read = Signature::decode(text).ok().zip(text.lines().nth(1).and_then(KeyId::of));
    read.ok_or_else(|| SignatureError::Malformed(stem.clone()))
}

fn verify(
    stem: &PluginName,
    bytes: &[u8],
    signature: &Signature,
    trusted: &TrustedKey,
) -> Result<(), SignatureError> {
    // Signatures of old releases of minisign, which did not hash first, count as well.
    let verified = trusted.key.verify(bytes, signature, true);
    verified.map_err(|_| SignatureError::Wrong { stem: stem.clone(), key: trusted.id })?;
    match file_name(signature.trusted_comment()) {
        Some(meant) if meant != format!("{stem}.wasm") => {
            Err(SignatureError::OtherName { stem: stem.clone(), meant: meant.to_owned() })
        }
        // A comment of somebody's own: the manifest within the signed bytes still says the name.
        _ => Ok(()),
    }
}

/// The name of the file in a trusted comment, as minisign writes it: `timestamp:…⇥file:hello.wasm⇥hashed`.
fn file_name(comment: &str) -> Option<&str> {
    let name = comment.split('\t').find_map(|part| part.strip_prefix("file:"))?;
    Some(name.rsplit('/').next().unwrap_or(name))
}

/// The trusted comment of a signature for `<stem>.wasm`, as minisign writes it.
pub fn trusted_comment(stem: &PluginName, unix_seconds: u64) -> String {
    format!("timestamp:{unix_seconds}\tfile:{stem}.wasm\thashed")
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    const FILE: &[u8] = b"what is signed";

    fn hello() -> PluginName {
        PluginName::new("hello").expect("a name")
    }

    fn pair() -> KeyPair {
        KeyPair::generate_unencrypted_keypair().expect("a key pair")
    }

    fn signed(pair: &KeyPair, comment: &str) -> String {
        let signed = minisign::sign(Some(&pair.pk), &pair.sk, FILE, Some(comment), None);
        signed.expect("signed").into_string()
    }

    fn rules(required: bool, pairs: &[&KeyPair]) -> SignatureRules {
        let trusted = |pair: &&KeyPair| TrustedKey::read(&pair.pk.to_base64()).expect("a key");
        SignatureRules { required, trusted: pairs.iter().map(trusted).collect() }
    }

    fn told(checked: Result<Option<KeyId>, SignatureError>) -> String {
        match checked {
            Ok(Some(_)) => "signed".to_owned(),
            Ok(None) => "unsigned".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_signature_counts_for_its_bytes_its_name_and_its_key() {
        let (ours, theirs) = (pair(), pair());
        let good = signed(&ours, &trusted_comment(&hello(), 1));
        let plain = signed(&ours, "of mine");
        let other = signed(&ours, "timestamp:1\tfile:dist/other.wasm\thashed");
        let foreign = signed(&theirs, &trusted_comment(&hello(), 1));
        let commented = good.replace("timestamp:1", "timestamp:2");
        let (strict, lax) = (rules(true, &[&ours]), rules(false, &[&ours]));
        let nobody = rules(false, &[]);
        let changed: &[u8] = b"what is signet";
        for (rules, bytes, signature, expected) in [
            (&strict, FILE, Some(&good), "signed"),
            (&strict, FILE, Some(&plain), "signed"),
            (&lax, FILE, Some(&good), "signed"),
            (&strict, FILE, None, "it is not signed, and `plugins.require_signed`"),
            (&lax, FILE, None, "unsigned"),
            (&nobody, FILE, None, "unsigned"),
            (&nobody, FILE, Some(&foreign), "unsigned"),
            (&strict, changed, Some(&good), "hello.wasm.minisig does not fit the file"),
            (&lax, changed, Some(&good), "hello.wasm.minisig does not fit the file"),
            (&strict, FILE, Some(&commented), "hello.wasm.minisig does not fit the file"),
            (&strict, FILE, Some(&foreign), "none of `plugins.trusted_keys`"),
            (&lax, FILE, Some(&foreign), "none of `plugins.trusted_keys`"),
            (&rules(true, &[]), FILE, Some(&good), "none of `plugins.trusted_keys`"),
            (&strict, FILE, Some(&other), "made for a file of the name `other.wasm`"),
        ] {
            let told = told(rules.check(&hello(), bytes, signature.map(String::as_str)));
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn what_is_no_signature_is_told_and_never_counts() {
        let ours = pair();
        let rules = rules(true, &[&ours]);
        let good = signed(&ours, "c");
        for length in 0..good.len() {
            let Some(cut) = good.get(..length) else { continue };
            // Only the line break at the end may be missing.
            let is_whole = cut.trim_end() == good.trim_end();
            assert_eq!(rules.check(&hello(), FILE, Some(cut)).is_ok(), is_whole, "{cut:?}");
        }
        for text in ["", "\n\n\n\n", "untrusted comment: x\nRUQ\ntrusted comment: y\nz", "ä"] {
            let told = told(rules.check(&hello(), FILE, Some(text)));
            assert!(told.contains("no signature in the format of minisign"), "{text:?}: {told}");
        }
    }

    /// A key pair and a signature that the library's own documents print, made by minisign itself.
    #[test]
    fn signatures_of_minisign_count() {
        let key = TrustedKey::read("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3");
        let rules = SignatureRules { required: true, trusted: vec![key.expect("a key")] };
        let signature = "untrusted comment: signature from minisign secret key\n\
            RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
            trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
            wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==\n";
        let told = told(rules.check(&hello(), b"test", Some(signature)));
        // The bytes and the key fit; only the name is another.
        assert!(told.contains("made for a file of the name `test`"), "{told}");
        let changed = rules.check(&hello(), b"tess", Some(signature));
        assert!(matches!(changed, Err(SignatureError::Wrong { .. })));
    }

    #[test]
    fn keys_are_read_alone_and_from_files() {
        let ours = pair();
        let file = ours.pk.to_box().expect("a file").into_string();
        let (alone, whole) = (TrustedKey::read(&ours.pk.to_base64()), TrustedKey::read(&file));
        assert_eq!(alone, whole);
        let id = alone.expect("a key").id().to_string();
        assert!(file.contains(&id) && id.len() == 16, "{file}");
        for text in ["", "RWQ", "a\nb\nc", "not a key at all, but as long as one is, which is odd"]
        {
            assert!(TrustedKey::read(text).is_err(), "{text:?}");
        }
    }
}
