//! Looks at a data folder as a doctor does: reads only, also beside a running host.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, Result as SqlResult};
use serde::{Deserialize, Serialize};
use taskloom_core::id::Digest;

use crate::artefacts::{self, FOLDER};
use crate::beside::{self, Question};
use crate::error::Error;
use crate::references::referred;
use crate::versions::{self, MissingVersion};
use crate::{backup, check, lock, schema};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Will become a problem.
    Warning,
    /// Something is damaged or missing.
    Error,
}

impl Severity {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// Where.
    pub place: String,
    /// What to do about it.
    pub help: String,
}

/// What the examination of a data folder showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// What was found, in the order of the search.
    pub findings: Vec<Finding>,
    /// Versions of plugins that live runs pinned and the folder has not. They are no findings: the folder of
    /// plugins may have them still, and a start keeps them then.
    pub missing_versions: Vec<MissingVersion>,
    /// Whether a host uses the folder now.
    pub host_is_running: bool,
    /// The version of the database's schema.
    pub schema_version: i64,
    /// Tables and indexes with the bytes of their pages, the largest first.
    pub sizes: Vec<(String, u64)>,
}

const RESTORE: &str =
    "restore a backup by `taskloom restore`; stop the host and keep the folder first";

/// Examines a data folder. The time it takes grows with what is in it.
///
/// # Errors
/// [`Error::NoStore`] without a database; [`Error::Foreign`], [`Error::Newer`]; [`Error::Corrupt`]
/// when it cannot be read at all. [`Error::Host`] with the same in words, when a host uses the folder.
pub fn examine(folder: &Path) -> Result<Examination, Error> {
    if lock::is_held(folder)
        && let Some(found) = beside::ask(folder, &Question::Examine)
    {
        return found;
    }
    examine_here(folder)
}

/// [`examine`], where the database can be read.
pub(crate) fn examine_here(folder: &Path) -> Result<Examination, Error> {
    let connection = backup::open(folder)?;
    let path = folder.join("taskloom.db");
    let sql = |error| Error::sql(&path, "examining the database", error);
    let mut found = Examination {
        host_is_running: lock::is_held(folder),
        schema_version: schema::version(&connection).map_err(sql)?,
        ..Examination::default()
    };
    let place = path.display().to_string();
    for problem in check::all(&connection).map_err(sql)? {
        found.add(Severity::Error, problem, &place, RESTORE);
    }
    if found.schema_version < schema::SCHEMA_VERSION {
        let what =
            format!("its schema has version {}, so its views were left out", found.schema_version);
        found.add(Severity::Info, what, &place, "the next start of a host brings it up to date");
    } else {
        look_at_artefacts(&connection, folder, &mut found).map_err(sql)?;
    }
    found.missing_versions =
        versions::missing(&connection, &folder.join(versions::FOLDER)).map_err(sql)?;
    let vacuum: i64 =
        connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).map_err(sql)?;
    if vacuum == 0 {
        let help = "if it is too long, make a backup and restore it: that makes the file anew";
        found.add(Severity::Info, "the file cannot give pages back".to_owned(), &place, help);
    }
    found.sizes = sizes(&connection).map_err(sql)?;
    Ok(found)
}

impl Examination {
    /// Adds what was found.
    pub fn add(&mut self, severity: Severity, what: String, place: &str, help: &str) {
        let (place, help) = (place.to_owned(), help.to_owned());
        self.findings.push(Finding { severity, what, place, help });
    }

    /// Whether nothing is damaged or missing.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }
}

fn look_at_artefacts(
    connection: &Connection,
    folder: &Path,
    found: &mut Examination,
) -> SqlResult<()> {
    let folder = folder.join(FOLDER);
    let needed = artefacts::needed(connection)?;
    for digest in &needed {
        let path = artefacts::file_of(&folder, digest);
        let place = path.display().to_string();
        match digest_of_file(&path) {
            Ok(content) if content == *digest => {}
            Ok(content) => {
                let what = format!("the artefact is damaged: its content is {content}");
                found.add(Severity::Error, what, &place, RESTORE);
            }
            Err(error) => {
                let what = format!("the artefact cannot be read: {error}");
                found.add(Severity::Error, what, &place, RESTORE);
            }
        }
    }
    let place = folder.display().to_string();
    match artefacts::all_files(&folder) {
        Ok(files) => {
            let named: HashSet<_> =
                files.iter().filter_map(|path| artefacts::digest_of(path)).collect();
            let referred = referred(connection, &named.difference(&needed).copied().collect())?;
            let orphans = files.len() - named.intersection(&needed).count() - referred.len();
            if orphans > 0 {
                let what = format!("{orphans} files that no run refers to");
                let help = "nothing: retention removes them an hour after they were written";
                found.add(Severity::Info, what, &place, help);
            }
        }
        Err(error) => {
            let what = format!("the artefacts cannot be listed: {error}");
            found.add(Severity::Error, what, &place, "look at the rights of that folder");
        }
    }
    Ok(())
}

fn digest_of_file(path: &Path) -> io::Result<Digest> {
    let mut bytes = vec![];
    io::copy(&mut File::open(path)?, &mut bytes)?;
    Ok(Digest::of(&bytes))
}

fn sizes(connection: &Connection) -> SqlResult<Vec<(String, u64)>> {
    connection
        .prepare("SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY name ORDER BY 2 DESC")?
        .query_map([], |row| Ok((row.get(0)?, crate::column::count(row, 1)?)))?
        .collect()
}
