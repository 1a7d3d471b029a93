//! A host of one test's own, on a folder of its own, that can be started again. It has no plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use serde_json::Value;
use taskloom::api;
use taskloom::app::App;
use taskloom::config::{Config, Sources};
use tokio::runtime::Runtime;

use crate::host::{Answer, answered, request, wait_for};

/// A host of one test's own.
pub struct Own {
    root: PathBuf,
    app: Arc<App>,
    router: Router,
    runtime: Runtime,
}

impl Own {
    /// Starts a host with these workflow files on an empty folder.
    pub fn start(name: &str, workflows: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("api-own").join(name);
        // What an earlier test run left.
        let _ = fs::remove_dir_all(&root);
        for folder in ["plugins", "workflows"] {
            fs::create_dir_all(root.join(folder)).expect("made");
        }
        for (file, source) in workflows {
            fs::write(root.join("workflows").join(file), source).expect("written");
        }
        Self::open(root)
    }

    fn open(root: PathBuf) -> Self {
        let folder = |name: &str| root.join(name).display().to_string();
        let sources = Sources {
            flags: vec![
                ("data.folder", folder("data")),
                ("plugins.folder", folder("plugins")),
                ("workflows.folder", folder("workflows")),
            ],
            ..Sources::default()
        };
        let config = Arc::new(Config::load(&sources).expect("a configuration"));
        let runtime = Runtime::new().expect("a runtime");
        let app = {
            let _inside = runtime.enter();
            Arc::new(App::start(config).expect("a host"))
        };
        let router = api::router(Arc::clone(&app));
        Self { root, app, router, runtime }
    }

    /// Stops the host, and starts another one on its folder.
    pub fn restart(self) -> Self {
        let Self { root, app, router, runtime } = self;
        runtime.block_on(app.shut_down(Duration::ZERO)).expect("it stops");
        drop((router, app, runtime));
        Self::open(root)
    }

    pub fn get(&self, path: &str) -> Value {
        let request = request(&format!("GET {path}"), &[], Body::empty());
        self.runtime.block_on(answered(&self.router, request)).expect(200)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        let request = request(&format!("POST {path}"), &json, body.to_string().into());
        self.runtime.block_on(answered(&self.router, request))
    }

    /// Waits until `holds` of what the API says at a path.
    pub fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait_for(path, || self.get(path), holds)
    }
}
