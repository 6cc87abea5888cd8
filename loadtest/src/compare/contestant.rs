//! Who takes part: the base, Switchyard in five forms, and every peer that is installed. Before anything is measured, each
//! shows on one request that it does the work.

use super::Row;
use crate::machine::{self, Cores};
use crate::peer::{self, PeerError, Surroundings};
use crate::process::{Process, ProcessError};
use crate::product::{self, Binding, Product, ProductError, Settings};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What everything is related to.
pub const BASE: &str = "bare pingora";
pub const NO_FILTER: &str = "switchyard, no filter";
pub const ONE_FRESH: &str = "switchyard, 1 filter, fresh";
pub const ONE_REUSED: &str = "switchyard, 1 filter, reused";
pub const THREE_FRESH: &str = "switchyard, 3 filters, fresh";
pub const THREE_REUSED: &str = "switchyard, 3 filters, reused";

/// Plugins of `filters-sdk/examples/bench`, the same code under three names: a plugin is on a tenant's path once.
const PLUGINS: [&str; 3] = ["bench", "bench-second", "bench-third"];
const VERSION: &str = "1.0.0";
const PATIENCE: Duration = Duration::from_secs(5);

/// Our forms: name, plugins, isolation. Each is a tenant of one process.
const FORMS: [(&str, usize, &str); 5] = [
    (NO_FILTER, 0, "fresh"),
    (ONE_FRESH, 1, "fresh"),
    (ONE_REUSED, 1, "reused"),
    (THREE_FRESH, 3, "fresh"),
    (THREE_REUSED, 3, "reused"),
];

#[derive(Debug, Clone)]
pub struct Contestant {
    pub name: String,
    version: String,
    pub pid: u32,
    pub address: SocketAddr,
    pub host: String,
    /// Whether it sets `x-filter`.
    filters: bool,
}

/// Everybody who takes part, running.
#[derive(Debug, Default)]
pub struct Field {
    pub contestants: Vec<Contestant>,
    pub skipped: Vec<String>,
    /// Ended when the field is dropped.
    processes: Vec<Process>,
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// `switchyard`, `bare-pingora` and `bench-origin`.
    pub programs: PathBuf,
    /// `bench.wasm` and the like, as the bench script builds them.
    pub artifacts: PathBuf,
    /// `loadtest/peers`.
    pub peers: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Product(#[from] ProductError),
    #[error("{name} does not do the work: for x-tenant {tenant} the origin saw x-filter {seen:?}, not {wanted:?}")]
    Idle { name: String, tenant: &'static str, wanted: Option<&'static str>, seen: Option<String> },
    #[error("{name} does not do the work on responses: x-filtered is {seen:?}")]
    IdleOnResponses { name: String, seen: Option<String> },
    #[error("{name} does not answer as the origin does")]
    Mute { name: String, source: reqwest::Error },
}

/// The service behind all proxies, beside the load.
pub fn start_origin(
    places: &Places,
    cores: Cores,
    folder: &Path,
    hold_ms: u64,
) -> Result<(Process, SocketAddr), FieldError> {
    let folder = folder.join("origin");
    std::fs::create_dir_all(&folder)?;
    let address = SocketAddr::from(([127, 0, 0, 1], machine::free_port()?));
    let mut command = cores.load_command(&places.programs.join("bench-origin"));
    command.arg("--listen").arg(address.to_string()).arg("--hold-ms").arg(hold_ms.to_string());
    Ok((Process::start("the origin", command, &folder, address)?, address))
}

impl Field {
    /// Starts those whose name contains one of the words, or everyone without words; the base always.
    pub fn start(places: &Places, cores: Cores, folder: &Path, only: &[String]) -> Result<Self, FieldError> {
        let is_wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word.as_str()));
        let mut field = Self::default();
        let (process, origin) = start_origin(places, cores, folder, 0)?;
        field.processes.push(process);
        field.start_base(places, cores, folder, origin)?;
        if FORMS.iter().any(|(name, ..)| is_wanted(name)) {
            field.start_product(places, cores, folder, origin)?;
        }
        field.start_peers(places, cores, folder, origin, is_wanted)?;
        field.contestants.retain(|contestant| contestant.name == BASE || is_wanted(&contestant.name));
        for contestant in &field.contestants {
            contestant.show_work()?;
        }
        Ok(field)
    }

    fn start_base(
        &mut self,
        places: &Places,
        cores: Cores,
        folder: &Path,
        origin: SocketAddr,
    ) -> Result<(), FieldError> {
        let folder = folder.join("bare-pingora");
        std::fs::create_dir_all(&folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], machine::free_port()?));
        let mut command = cores.proxy_command(&places.programs.join("bare-pingora"));
        command.arg("--listen").arg(address.to_string()).arg("--upstream").arg(origin.to_string());
        let process = Process::start(BASE, command, &folder, address)?;
        self.enter(BASE, "0.9.1, mimalloc, no work stealing", &process, address, "bench.test", false);
        self.processes.push(process);
        Ok(())
    }

    fn start_product(
        &mut self,
        places: &Places,
        cores: Cores,
        folder: &Path,
        origin: SocketAddr,
    ) -> Result<(), FieldError> {
        let program = places.programs.join("switchyard");
        let product = Product::start(&program, cores, &folder.join("switchyard"), &Settings::default())?;
        let admin = product.admin()?;
        for plugin in PLUGINS {
            admin.register(&places.artifacts.join(format!("{plugin}-{VERSION}.wasm")))?;
            admin.deploy(plugin, VERSION)?;
        }
        for (number, (name, plugins, isolation)) in FORMS.into_iter().enumerate() {
            let host = format!("form-{number}.test");
            let bindings = PLUGINS.map(|plugin| Binding { plugin, isolation });
            admin.set_tenant(&product::tenant(
                &format!("form-{number}"),
                &host,
                origin,
                "http1",
                &bindings[..plugins],
            ))?;
            self.enter(name, "this tree", &product.process, product.edge, &host, plugins > 0);
        }
        self.processes.push(product.process);
        Ok(())
    }

    fn start_peers(
        &mut self,
        places: &Places,
        cores: Cores,
        folder: &Path,
        origin: SocketAddr,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(), FieldError> {
        let around = Surroundings { cores, origin, folder, artifacts: &places.artifacts };
        for peer in peer::read_all(&places.peers)? {
            for variant in peer.variants.iter().filter(|variant| is_wanted(&variant.name)) {
                match peer.start(variant, &around) {
                    Ok(running) => {
                        let (process, address) = (running.process, running.address);
                        self.enter(&variant.name, &running.version, &process, address, "bench.test", variant.filters);
                        self.processes.push(process);
                    }
                    Err(error) if error.is_absence() => self.skipped.push(format!("{}: {error}", variant.name)),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, name: &str, version: &str, process: &Process, address: SocketAddr, host: &str, filters: bool) {
        self.contestants.push(Contestant {
            name: name.to_owned(),
            version: version.to_owned(),
            pid: process.pid(),
            address,
            host: host.to_owned(),
            filters,
        });
    }
}

impl Contestant {
    pub fn row(&self) -> Row {
        Row { name: self.name.clone(), version: self.version.clone(), rounds: Vec::new() }
    }

    /// Waits until it does the work, at most a few seconds: a proxy listens before all it was told has reached it.
    fn show_work(&self) -> Result<(), FieldError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.shows_work() {
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                shown => return shown,
            }
        }
    }

    /// The origin's echo tells what reached it; the answer's head what was done to it on the way back.
    fn shows_work(&self) -> Result<(), FieldError> {
        for (tenant, wanted) in [("acme-corp", "hit"), ("somebody-else", "mis")] {
            let wanted = self.filters.then_some(wanted);
            let (seen, on_response) = self.ask_for_echo(tenant)?;
            if seen.as_deref() != wanted {
                return Err(FieldError::Idle { name: self.name.clone(), tenant, wanted, seen });
            }
            if on_response.is_some() != self.filters {
                return Err(FieldError::IdleOnResponses { name: self.name.clone(), seen: on_response });
            }
        }
        Ok(())
    }

    /// `x-filter` as the origin saw it, `x-filtered` as the client does.
    fn ask_for_echo(&self, tenant: &str) -> Result<(Option<String>, Option<String>), FieldError> {
        let mute = |source| FieldError::Mute { name: self.name.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(mute)?;
            let request = client.get(format!("http://{}/echo", self.address)).header("host", &self.host);
            let answer = request.header("x-tenant", tenant).send().await.map_err(mute)?;
            let answer = answer.error_for_status().map_err(mute)?;
            let filtered =
                answer.headers().get("x-filtered").map(|value| String::from_utf8_lossy(value.as_bytes()).into());
            let echoed = answer.text().await.map_err(mute)?;
            let headers: serde_json::Value = serde_json::from_str(&echoed).unwrap_or_default();
            Ok((headers["x-filter"].as_str().map(str::to_owned), filtered))
        })
    }
}
