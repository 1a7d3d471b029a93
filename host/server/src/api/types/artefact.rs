//! Artefacts.

use serde::{Deserialize, Serialize};
use taskloom_store::ArtefactRow;
use utoipa::ToSchema;

/// A file that an attempt left.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Artefact {
    /// The SHA-256 of its bytes: `sha256:` and 64 hexadecimal digits.
    pub artefact: String,
    /// Its name.
    pub name: String,
    /// What its bytes are, such as `text/markdown`.
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
}

/// A file that an attempt of a run left.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunArtefact {
    /// The task.
    pub task: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// The file.
    #[serde(flatten)]
    pub file: Artefact,
}

/// The files that the attempts of a run left.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ArtefactList {
    /// The files, by task, attempt and name.
    pub artefacts: Vec<RunArtefact>,
}

impl From<ArtefactRow> for RunArtefact {
    fn from(row: ArtefactRow) -> Self {
        let ArtefactRow { task, attempt, name, media_type, bytes, digest, .. } = row;
        let file = Artefact { artefact: digest.to_string(), name, media_type, bytes };
        Self { task: task.to_string(), attempt, file }
    }
}

impl From<&taskloom_core::artefact::Artefact> for Artefact {
    fn from(left: &taskloom_core::artefact::Artefact) -> Self {
        Self {
            artefact: left.digest.to_string(),
            name: left.name.clone(),
            media_type: left.media_type.clone(),
            bytes: left.bytes,
        }
    }
}
