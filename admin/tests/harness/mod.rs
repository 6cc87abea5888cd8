//! An installation of its own for every test, and the few words the tests speak.

mod client;
mod node;

pub use client::{Answer, Client, send};
pub use node::Node;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use switchyard_admin::{ADMIN_TOKEN_FILE, Admin, AdminError, AdminSettings, Environment};
use switchyard_runtime::{CAPABILITIES, NoTelemetry, Runtime, RuntimeSettings};
use tempfile::TempDir;

/// Longer than anything takes on a loaded machine, shorter than anybody's patience.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct Installation {
    /// Gone with the installation.
    _folder: TempDir,
    pub settings: AdminSettings,
    runtime: Runtime,
    admin: Option<Admin>,
}

impl Installation {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut AdminSettings)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut settings = AdminSettings::new(folder.path().join("data"));
        change(&mut settings);
        let runtime = runtime(folder.path(), &CAPABILITIES);
        Self::started(folder, settings, runtime).await
    }

    /// With a filter host that grants only these capabilities.
    pub async fn start_granting(grants: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = AdminSettings::new(folder.path().join("data"));
        let runtime = runtime(folder.path(), grants);
        Self::started(folder, settings, runtime).await
    }

    async fn started(folder: TempDir, settings: AdminSettings, runtime: Runtime) -> Self {
        let mut installation = Self { _folder: folder, settings, runtime, admin: None };
        installation.start_again().await;
        installation
    }

    pub async fn stop(&mut self) {
        if let Some(admin) = self.admin.take() {
            admin.stop().await;
        }
    }

    pub async fn start_again(&mut self) {
        self.stop().await;
        let registry = prometheus::Registry::new();
        self.admin = Some(Admin::start(self.settings.clone(), self.runtime.clone(), registry).await.unwrap());
    }

    /// A second control plane on the same store.
    pub async fn start_beside(&self) -> Result<Admin, AdminError> {
        Admin::start(self.settings.clone(), self.runtime.clone(), prometheus::Registry::new()).await
    }

    pub fn admin(&self) -> &Admin {
        self.admin.as_ref().unwrap()
    }

    /// With the first admin token.
    pub fn client(&self) -> Client {
        let token = fs::read_to_string(self.settings.data_dir.join(ADMIN_TOKEN_FILE)).unwrap();
        self.client_with(token.trim())
    }
    pub fn client_with(&self, token: &str) -> Client {
        Client::new(self.admin().address(), Some(token.to_owned()))
    }
    pub fn stranger(&self) -> Client {
        Client::new(self.admin().address(), None)
    }

    /// A client with a token of that role.
    pub async fn client_as(&self, body: serde_json::Value) -> Client {
        let made = self.client().post("/api/v1/tokens", body).await.expect(201);
        self.client_with(made["token"].as_str().unwrap())
    }

    /// A node that acknowledges whatever it is offered.
    pub fn node(&self, name: &str) -> Node {
        Node::follow(self.admin().feed(), name)
    }
}

fn runtime(folder: &Path, grants: &[&str]) -> Runtime {
    let compiler = vec![env!("CARGO_BIN_EXE_switchyard-admin-test-child").to_owned()];
    let settings = RuntimeSettings {
        instances_max: 64,
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
        ..RuntimeSettings::new(folder.join("modules"), compiler)
    };
    Runtime::start(settings, Arc::new(NoTelemetry)).unwrap()
}

/// The component of an example filter in a version.
pub fn filter(name: &str, version: &str) -> Vec<u8> {
    switchyard_filter_build::example_version(name, &version.parse().unwrap()).unwrap()
}

/// A tenant with one host and one upstream.
pub fn tenant(id: &str, host: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id,
        "hosts": [host],
        "upstreams": [{ "name": "main", "addresses": ["127.0.0.1:9001"] }],
    })
}

pub fn production(settings: &mut AdminSettings) {
    settings.environment = Environment::Production;
}

/// Asks again until there is an answer.
pub async fn eventually<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("it never came true")
}
