//! The released versions of the contract do not change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use taskloom_core::id::Digest;

/// The files of the versions that were released, with the SHA-256 of their content.
const RELEASED: [(&str, &[(&str, &str)]); 1] = [("1.0.0", &V1_0_0)];

const V1_0_0: [(&str, &str); 3] = [
    ("ai-answer.schema.json", "4fdecf6aff6e3f20c00e726ae65f4b679c57b0fdeb50fccb849744bf17ad799e"),
    ("ai-request.schema.json", "448eb97c81736a7472752ce811bd6b2a7cf4592085a13a36963af03bc6f59824"),
    ("plugin.wit", "720bef4c4a1e584dd160340f4dbce2b95d5763f4f57741998fd4ae8468911df0"),
];

#[test]
fn released_versions_of_the_contract_are_frozen() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    for (version, files) in RELEASED {
        let folder = wit.join(version);
        let found: BTreeMap<String, String> = fs::read_dir(&folder)
            .expect("the folder of a released version")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let content = fs::read(entry.path()).expect("readable");
                (entry.file_name().to_string_lossy().into_owned(), Digest::of(&content).hex())
            })
            .collect();
        let released: BTreeMap<String, String> =
            files.iter().map(|(name, hex)| ((*name).to_owned(), (*hex).to_owned())).collect();
        assert_eq!(
            found, released,
            "wit/{version} was released, and components out there were made with it: put it back as it was, and make a folder of a \
             new version, as wit/README.md says"
        );
    }
}
