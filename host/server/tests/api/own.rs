//! A host of a test's own: with its own settings, and started again on the same folder.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use taskloom::api;
use taskloom::app::App;
use taskloom::config::{Config, Sources};
use taskloom::triggers::{Fired, Occurrence};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::host::{Answer, asked, component, wait_for};

/// Plugins and workflows in a folder that is removed at the end of the test.
pub struct Place {
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Place {
    /// With these plugins, workflow files and settings.
    pub fn new(
        plugins: &[&str],
        workflows: &[(&str, &str)],
        settings: &[(&'static str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let place = Self { folder, settings };
        for name in ["plugins", "workflows"] {
            fs::create_dir(place.path(name)).expect("made");
        }
        for plugin in plugins {
            let to = place.path("plugins").join(format!("{plugin}.wasm"));
            fs::copy(component(plugin), to).expect("copied");
        }
        for (name, source) in workflows {
            fs::write(place.path("workflows").join(name), source).expect("written");
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a host here and waits until its plugins are loaded.
    pub fn start(&self) -> Host {
        let host = self.start_unsettled();
        host.runtime.block_on(async {
            while !host.app.catalog.is_settled() {
                tokio::task::yield_now().await;
            }
        });
        host
    }

    /// Starts a host here, while its plugins are being loaded.
    pub fn start_unsettled(&self) -> Host {
        let folder = |name: &str| self.path(name).display().to_string();
        let mut flags = vec![
            ("data.folder", folder("data")),
            ("plugins.folder", folder("plugins")),
            ("workflows.folder", folder("workflows")),
        ];
        flags.extend(self.settings.iter().cloned());
        let sources = Sources { flags, ..Sources::default() };
        let config = Arc::new(Config::load(&sources).expect("a configuration"));
        let runtime = Runtime::new().expect("a runtime");
        let app = {
            let _inside = runtime.enter();
            Arc::new(App::start(config).expect("a host"))
        };
        let router = api::router(Arc::clone(&app));
        Host { runtime, router, app }
    }
}

/// A host that runs.
pub struct Host {
    runtime: Runtime,
    router: Router,
    app: Arc<App>,
}

impl Host {
    pub fn ask(&self, line: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.runtime.block_on(asked(&self.router, line, &all, text.into()))
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask(&format!("GET {path}"), &[], &Value::Null).expect(200)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(&format!("POST {path}"), &[], body)
    }

    /// Asks until `holds` of the answer.
    pub fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait_for(path, || self.get(path), holds)
    }

    /// Has the triggers listen to what tells nothing by itself.
    pub fn listen(&self) {
        let _inside = self.runtime.enter();
        self.app.triggers.listen();
    }

    /// Lets a trigger know of something, as its source would, not a person.
    pub fn occur(&self, trigger: &str, key: &str) -> Fired {
        let bound = self.app.triggers.index().get(trigger).expect("the trigger");
        let key = key.to_owned();
        let occurrence = Occurrence { key, due: None, event: json!({}), by_hand: false };
        let fired = self.runtime.block_on(self.app.triggers.occur(&bound, occurrence));
        fired.expect("the host has room")
    }

    /// Has it delete now and then what the policy lets go.
    pub fn keep_tidy(&self) {
        let _inside = self.runtime.enter();
        self.app.keep_tidy();
    }

    /// Asks it to end, and goes on while what runs has its time.
    pub fn begin_to_stop(&self, grace: Duration) {
        self.app.engine.shut_down(grace);
    }

    /// Ends it in an orderly way.
    pub fn stop(self) {
        self.runtime.block_on(self.app.shut_down(Duration::ZERO)).expect("it stops");
    }
}
