//! `taskloom doctor`: is the journal what it must be?

use serde_json::json;
use taskloom_store::{Options, Store};

use super::args::Doctor;
use super::output::{print, print_json};
use super::{Done, Failed};
use crate::config::Settings;

pub(super) fn check(arguments: &Doctor) -> Result<Done, Failed> {
    let config = Settings::load(&arguments.folders.sources(Vec::new()))?.config()?;
    let folder = config.data.folder;
    if !folder.join("taskloom.db").is_file() {
        return Err(Failed::invalid(anyhow::anyhow!(
            "there is no journal in `{}`; name its folder by `--data`",
            folder.display()
        )));
    }
    let store = Store::open(&folder, Options::default()).map_err(Failed::invalid)?;
    let problems = store.check().map_err(anyhow::Error::from)?;
    store.close();
    if arguments.json {
        print_json(&json!({ "folder": folder, "ok": problems.is_empty(), "problems": problems }))?;
    } else if problems.is_empty() {
        print(&format!("the journal in `{}` is sound\n", folder.display()))?;
    } else {
        let lines: String = problems.iter().map(|problem| format!("  - {problem}\n")).collect();
        print(&format!("the journal in `{}` is damaged:\n{lines}", folder.display()))?;
    }
    Ok(if problems.is_empty() { Done::Well } else { Done::Badly })
}
