//! `taskloom backup` and `taskloom restore`: copies of a data folder.
//!
//! Both work on the folder itself, not through the API: a backup is one snapshot of the database, made by the
//! host if one uses the folder, and a restore wants no host at all.

use taskloom_store::{Copied, backup as copy, restore as put_back};

use super::args::{Backup, Restore};
use super::output::print;
use super::{Done, Failed};
use crate::config::Settings;

pub(super) fn backup(arguments: &Backup) -> Result<Done, Failed> {
    let config = Settings::load(&arguments.folders.sources(Vec::new()))?.config()?;
    let copied = copy(&config.data.folder, &arguments.to).map_err(Failed::invalid)?;
    let to = arguments.to.display();
    print(&format!("the backup is in `{to}`: {}\n", parts(&copied)))?;
    Ok(Done::Well)
}

pub(super) fn restore(arguments: &Restore) -> Result<Done, Failed> {
    let config = Settings::load(&arguments.folders.sources(Vec::new()))?.config()?;
    let folder = config.data.folder;
    let copied = put_back(&arguments.from, &folder).map_err(Failed::invalid)?;
    print(&format!("`{}` is what the backup was: {}\n", folder.display(), parts(&copied)))?;
    if let Some(replaced) = &copied.replaced {
        print(&format!("the database before it is `{}`\n", replaced.display()))?;
    }
    Ok(Done::Well)
}

fn parts(copied: &Copied) -> String {
    let Copied { bytes, artefacts, artefacts_missing, versions, versions_missing, .. } = copied;
    let mut parts =
        format!("{bytes} bytes of database, {artefacts} artefacts, {versions} versions of plugins");
    if *artefacts_missing > 0 {
        parts += &format!("; {artefacts_missing} artefacts were missing");
    }
    if *versions_missing > 0 {
        parts += &format!(
            "; {versions_missing} versions of plugins that live runs keep were missing: `taskloom doctor` \
             says which"
        );
    }
    parts
}
