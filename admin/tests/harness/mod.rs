//! An installation of its own for every test, and the few words the tests speak.

mod client;
mod node;

pub use client::{Answer, Client};
pub use node::Node;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use switchyard_admin::{ADMIN_TOKEN_FILE, Admin, AdminSettings, Environment};
use switchyard_runtime::{NoTelemetry, Runtime, RuntimeSettings};
use tempfile::TempDir;

/// Longer than anything takes on a loaded machine, shorter than anybody's patience.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct Installation {
    pub folder: TempDir,
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
        let runtime = runtime(folder.path());
        let mut installation = Self { folder, settings, runtime, admin: None };
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

    pub fn admin(&self) -> &Admin {
        self.admin.as_ref().unwrap()
    }
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
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

pub fn runtime(folder: &Path) -> Runtime {
    let compiler = vec![env!("CARGO_BIN_EXE_switchyard-admin-test-child").to_owned()];
    let settings = RuntimeSettings { instances_max: 64, ..RuntimeSettings::new(folder.join("modules"), compiler) };
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
