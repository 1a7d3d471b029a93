//! Signed files: what is loaded where signatures are required, and what of before.

use std::collections::HashMap;
use std::fs;

use minisign::KeyPair;
use taskloom_wasm::{
    CatalogEvent, KeyId, PluginState, SignatureRules, TrustedKey, trusted_comment,
};
use tempfile::TempDir;

use crate::catalog::{Shop, other_version};
use crate::fixture::{component, name};

const SIGNATURE: &str = "noop.wasm.minisig";

struct Signer(KeyPair);

impl Signer {
    fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().expect("a key pair"))
    }

    fn key(&self) -> TrustedKey {
        TrustedKey::read(&self.0.pk.to_base64()).expect("a key")
    }

    fn rules(&self, required: bool) -> SignatureRules {
        SignatureRules { required, trusted: vec![self.key()] }
    }

    fn sign(&self, bytes: &[u8]) -> String {
        let comment = trusted_comment(&name("noop"), 1);
        let signed = minisign::sign(None, &self.0.sk, bytes, Some(&comment), None);
        signed.expect("signed").into_string()
    }
}

/// A folder with a plugin, and what lies beside it.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("plugins")).expect("made");
    for (file, content) in files {
        fs::write(folder.path().join("plugins").join(file), content).expect("written");
    }
    folder
}

fn signed_by(shop: &Shop) -> Option<KeyId> {
    shop.catalog.list()[0].signed_by
}

#[test]
fn a_file_is_loaded_once_its_signature_is_there() {
    let (signer, noop) = (Signer::new(), component("noop"));
    let folder = folder(&[("noop.wasm", &noop)]);
    let shop = Shop::open_with(folder, HashMap::new(), signer.rules(true));
    let refusal = shop.refusal();
    assert!(refusal.contains("it is not signed") && refusal.contains("plugin sign"), "{refusal}");
    assert!(matches!(shop.state("noop"), PluginState::Refused { .. }));
    shop.write(SIGNATURE, signer.sign(&noop).as_bytes());
    shop.loaded();
    assert_eq!(signed_by(&shop), Some(signer.key().id()));
}

#[test]
fn other_bytes_need_another_signature() {
    let (signer, one) = (Signer::new(), component("noop"));
    let two = other_version(&one, 2);
    let signature = signer.sign(&one);
    let folder = folder(&[("noop.wasm", &one), (SIGNATURE, signature.as_bytes())]);
    // Nothing has to be signed here; a signature that does not fit tells that something is wrong.
    let shop = Shop::open_with(folder, HashMap::new(), signer.rules(false));
    let first = shop.loaded();
    shop.swap("noop.wasm", &two);
    let refusal = shop.refusal();
    assert!(refusal.contains("does not fit the file"), "{refusal}");
    let current = shop.catalog.current(&name("noop")).expect("the version before");
    assert_eq!(current.digest(), first);
    shop.write(SIGNATURE, signer.sign(&two).as_bytes());
    assert_ne!(shop.loaded(), first);
}

#[test]
fn a_stranger_s_signature_is_none() {
    let (signer, stranger, noop) = (Signer::new(), Signer::new(), component("noop"));
    let signature = stranger.sign(&noop);
    let folder = folder(&[("noop.wasm", &noop), (SIGNATURE, signature.as_bytes())]);
    let shop = Shop::open_with(folder, HashMap::new(), signer.rules(true));
    let refusal = shop.refusal();
    assert!(refusal.contains(&stranger.key().id().to_string()), "{refusal}");
    assert!(refusal.contains("none of `plugins.trusted_keys`"), "{refusal}");
}

#[test]
fn a_signature_that_is_no_text_of_its_length_refuses_the_file() {
    let (signer, noop) = (Signer::new(), component("noop"));
    for (signature, expected) in [
        (vec![b'x'; 5_000], "longer than 4096 bytes"),
        (vec![0xff; 10], "no text in UTF-8"),
        (b"hello".to_vec(), "no signature in the format of minisign"),
    ] {
        let folder = folder(&[("noop.wasm", &noop), (SIGNATURE, &signature)]);
        let shop = Shop::open_with(folder, HashMap::new(), signer.rules(false));
        let refusal = shop.refusal();
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn versions_of_before_need_their_signatures_too() {
    let (signer, one) = (Signer::new(), component("noop"));
    let two = other_version(&one, 2);
    let signature = signer.sign(&one);
    let folder = folder(&[("noop.wasm", &one), (SIGNATURE, signature.as_bytes())]);
    let shop = Shop::open_with(folder, HashMap::new(), signer.rules(false));
    let signed = shop.loaded();
    fs::remove_file(shop.path(SIGNATURE)).expect("removed");
    shop.swap("noop.wasm", &two);
    let mut unsigned = shop.loaded();
    if unsigned == signed {
        // The signature went before the file came.
        unsigned = shop.loaded();
    }
    shop.settled();
    let life = shop.catalog.life(&name("noop")).expect("it was loaded");
    let Shop { folder, catalog, .. } = shop;
    drop(catalog);

    let lives = HashMap::from([(name("noop"), life)]);
    let shop = Shop::open_with(folder, lives, signer.rules(true));
    // New runs go back to the version whose signature is kept with its bytes.
    let mut refused = false;
    loop {
        match shop.next() {
            CatalogEvent::Refused { digest, .. } => refused |= digest == unsigned,
            CatalogEvent::RolledBack { to, .. } => {
                assert_eq!(to, signed);
                break;
            }
            _ => {}
        }
    }
    assert!(refused);
    shop.settled();
    assert!(shop.catalog.plugin(&name("noop"), &unsigned).is_none(), "a run that pinned it waits");
    assert!(shop.catalog.plugin(&name("noop"), &signed).is_some());
}
