//! Switchyard, started as a user starts it and set up through its admin API.

use crate::machine::{self, Cores};
use crate::process::{Process, ProcessError};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Registering compiles; everything else is quick.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How often a deployment is looked at until the node has acknowledged it.
const POLL: Duration = Duration::from_millis(2);

#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    #[error("cannot prepare Switchyard")]
    Prepare(#[from] io::Error),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("cannot {tried}")]
    Unanswered { tried: String, source: reqwest::Error },
    #[error("cannot {tried}: {status} {answer}")]
    Refused { tried: String, status: u16, answer: String },
    #[error("requests for {host} do not reach the origin {} s after it was set up", START_PATIENCE.as_secs())]
    NotServed { host: String },
    #[error("cannot {tried}: not done after {} s", ANSWER_PATIENCE.as_secs())]
    Late { tried: String },
}

/// One process with both planes.
#[derive(Debug)]
pub struct Product {
    pub process: Process,
    pub edge: SocketAddr,
    admin: SocketAddr,
    token: String,
}

/// What differs from the shipped configuration, besides addresses and folders.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub instances_max: Option<u32>,
}

impl Product {
    /// Starts `program` with one worker on the proxy's core, its state in `folder`. Metrics and the access log are on, as
    /// shipped; the log goes to /dev/null, so that disks are not what is measured.
    pub fn start(program: &Path, cores: Cores, folder: &Path, settings: &Settings) -> Result<Self, ProductError> {
        fs::create_dir_all(folder)?;
        let edge = SocketAddr::from(([127, 0, 0, 1], machine::free_port()?));
        let admin = SocketAddr::from(([127, 0, 0, 1], machine::free_port()?));
        let data = folder.join("data");
        let config = folder.join("switchyard.toml");
        fs::write(&config, configuration(edge, admin, &data, settings))?;
        let mut command = cores.proxy_command(program);
        command.arg("serve").arg("--config").arg(&config);
        let process = Process::start("switchyard", command, folder, admin)?;
        let token = fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        Ok(Self { process, edge, admin, token })
    }

    pub fn admin(&self) -> Result<Admin, ProductError> {
        Admin::new(self.admin, self.token.clone())
    }
}

fn configuration(edge: SocketAddr, admin: SocketAddr, data: &Path, settings: &Settings) -> String {
    let filters = settings.instances_max.map(|max| format!("[filters]\ninstances_max = {max}\n")).unwrap_or_default();
    format!(
        "[node]\ndata_dir = {:?}\n[edge]\nhttp = \"{edge}\"\nhttps = \"\"\nworkers = 1\n[admin]\nlisten = \"{admin}\"\n\
         [telemetry]\nlog = \"warn\"\naccess_log = \"/dev/null\"\n{filters}",
        data.display().to_string()
    )
}

/// A tenant with one upstream and these plugins on its path.
pub fn tenant(id: &str, host: &str, origin: SocketAddr, protocol: &str, plugins: &[Binding<'_>]) -> Value {
    let plugins: Vec<_> = plugins
        .iter()
        .enumerate()
        .map(|(order, binding)| json!({ "plugin": binding.plugin, "order": order, "isolation": binding.isolation }))
        .collect();
    json!({
        "id": id,
        "hosts": [host],
        "upstreams": [{ "name": "origin", "addresses": [origin.to_string()], "protocol": protocol }],
        "plugins": plugins,
    })
}

#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    pub plugin: &'a str,
    /// `fresh` or `reused`.
    pub isolation: &'a str,
}

/// The admin API, one call at a time.
pub struct Admin {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Admin {
    fn new(address: SocketAddr, token: String) -> Result<Self, ProductError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_PATIENCE).build();
        let client =
            client.map_err(|source| ProductError::Unanswered { tried: "set up an HTTP client".to_owned(), source })?;
        Ok(Self { runtime, client, base: format!("http://{address}/api/v1"), token })
    }

    pub fn register(&self, artifact: &Path) -> Result<Value, ProductError> {
        let name = artifact.file_name().map(PathBuf::from).unwrap_or_default().display().to_string();
        let form = Form::new().part("artifact", Part::bytes(fs::read(artifact)?).file_name(name));
        let request = self.client.post(format!("{}/plugins", self.base)).multipart(form);
        self.send(&format!("register {}", artifact.display()), request)
    }

    pub fn set_tenant(&self, tenant: &Value) -> Result<Value, ProductError> {
        let id = tenant["id"].as_str().unwrap_or_default();
        let request = self.client.put(format!("{}/tenants/{id}", self.base)).json(tenant);
        self.send(&format!("set tenant {id}"), request)
    }

    /// Waits until requests for the tenant's host reach its origin: the node learns of a tenant a moment after the admin API
    /// has answered.
    pub fn wait_until_served(&self, product: &Product, host: &str) -> Result<(), ProductError> {
        let url = format!("http://{}/echo", product.edge);
        let began = Instant::now();
        while began.elapsed() < START_PATIENCE {
            // Inside the runtime from the start: the client sets its timer when it is asked to send.
            let answer = self.runtime.block_on(async { self.client.get(&url).header("host", host).send().await });
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        Err(ProductError::NotServed { host: host.to_owned() })
    }

    /// Deploys the version everywhere and waits until the node has acknowledged it; how long that took.
    pub fn deploy(&self, plugin: &str, version: &str) -> Result<Duration, ProductError> {
        let tried = format!("deploy {plugin} {version}");
        let began = Instant::now();
        let body = json!({ "pluginId": plugin, "version": version });
        let mut answer = self.send(&tried, self.client.post(format!("{}/deployments", self.base)).json(&body))?;
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        while matches!(answer["status"].as_str(), Some("Pending" | "InProgress")) {
            if began.elapsed() > ANSWER_PATIENCE {
                return Err(ProductError::Late { tried });
            }
            std::thread::sleep(POLL);
            answer = self.send(&tried, self.client.get(format!("{}/deployments/{id}", self.base)))?;
        }
        match answer["status"].as_str() {
            Some("Completed") => Ok(began.elapsed()),
            _ => Err(ProductError::Refused { tried, status: 200, answer: answer.to_string() }),
        }
    }

    fn send(&self, tried: &str, request: reqwest::RequestBuilder) -> Result<Value, ProductError> {
        let unanswered = |source| ProductError::Unanswered { tried: tried.to_owned(), source };
        self.runtime.block_on(async {
            let answer = request.bearer_auth(&self.token).send().await.map_err(unanswered)?;
            let status = answer.status();
            let text = answer.text().await.map_err(unanswered)?;
            if !status.is_success() {
                return Err(ProductError::Refused { tried: tried.to_owned(), status: status.as_u16(), answer: text });
            }
            Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }
}
