//! Reads the files of the templates folder.

use std::path::{Path, PathBuf};

use taskloom_core::definition::template::{TemplateReading, read_template};
use taskloom_core::document::{Problem, SOURCE_BYTES_MAX};
use taskloom_core::id::{Digest, TemplateId};
use taskloom_core::journal::Origin;

use super::{Known, Shelf};
use crate::workflows::BrokenFile;

/// The most files that are read; a folder with more holds something else.
const FILES_MAX: usize = 1_000;

/// The templates in `folder`; none if it is not there.
pub(super) fn read(folder: &Path) -> Shelf {
    let mut shelf = Shelf::default();
    for path in files(folder) {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let origin = path.display().to_string();
        match read_file(&path, &origin, &file, &shelf) {
            Ok(known) => _ = shelf.templates.insert(known.id.clone(), known),
            Err(problems) => shelf.broken.push(BrokenFile { file, problems }),
        }
    }
    shelf
}

/// The folder's `*.toml` files by name, not those in folders below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_template = |path: &PathBuf| {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|extension| extension == "toml") && path.is_file()
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_template);
    let mut paths: Vec<_> = paths.take(FILES_MAX).collect();
    paths.sort();
    paths
}

fn read_file(path: &Path, origin: &str, file: &str, shelf: &Shelf) -> Result<Known, Vec<Problem>> {
    let unreadable = |why: String| vec![problem(origin, &why)];
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > SOURCE_BYTES_MAX as u64 {
        let why = format!("the file has {bytes} bytes; at most {SOURCE_BYTES_MAX} are read");
        return Err(unreadable(why));
    }
    let source = std::fs::read_to_string(path)
        .map_err(|error| unreadable(format!("the file cannot be read: {error}")))?;
    let TemplateReading { template, problems } = read_template(origin, &source);
    let Some(template) = template else { return Err(problems) };
    let id = TemplateId::new(template.id.as_str()).map_err(|e| unreadable(e.to_string()))?;
    if let Some(Known { origin: Origin::File(owner), .. }) = shelf.templates.get(&id) {
        return Err(unreadable(format!(
            "the template id `{id}` belongs to `{owner}`; give this one another, or remove one"
        )));
    }
    let digest = Digest::of(source.as_bytes());
    Ok(Known { template, id, digest, origin: Origin::File(file.to_owned()), since: None })
}

/// A problem of a text as a whole.
pub(super) fn problem(origin: &str, message: &str) -> Problem {
    Problem {
        origin: origin.to_owned(),
        line: 1,
        column: 1,
        field: String::new(),
        code: "unreadable",
        message: message.to_owned(),
        help: None,
    }
}
