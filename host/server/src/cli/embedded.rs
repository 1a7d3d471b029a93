//! A host inside of a command: no HTTP, no workflow files, and a data folder that goes when it
//! goes unless somebody named one.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use uuid::Uuid;

use super::compile;
use crate::app::App;
use crate::config::Config;

/// How often it is looked whether the plugins are loaded. Compiling takes tenths of a second.
const LOOK: Duration = Duration::from_millis(5);

/// A host of a command's own.
pub(super) struct Embedded {
    /// The host.
    pub(super) app: App,
    _scratch: Scratch,
}

impl Embedded {
    /// Starts it, with its journal in `data` or nowhere.
    ///
    /// # Errors
    /// As [`App::start`].
    pub(super) fn start(mut config: Config, data: Option<&Path>) -> Result<Self> {
        let scratch = Scratch::new().context("making a temporary folder")?;
        config.workflows_folder = scratch.folder("workflows")?;
        config.data.folder = match data {
            Some(folder) => folder.to_owned(),
            None => scratch.folder("data")?,
        };
        config.plugins.compiler = Some(compile::compiler());
        let app = App::start(Arc::new(config))?;
        Ok(Self { app, _scratch: scratch })
    }

    /// Waits until every plugin has been looked at.
    pub(super) async fn settled(&self) {
        while !self.app.catalog.is_settled() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops it.
    ///
    /// # Errors
    /// As [`App::shut_down`].
    pub(super) async fn stop(self) -> Result<()> {
        self.app.shut_down(Duration::ZERO).await
    }
}

/// A temporary folder that nobody else can read.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("taskloom-{}", Uuid::now_v7()));
        make(&path)?;
        Ok(Self(path))
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        make(&path)?;
        Ok(path)
    }
}

fn make(path: &Path) -> Result<()> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.with_context(|| format!("making `{}`", path.display()))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder is left behind");
        }
    }
}
