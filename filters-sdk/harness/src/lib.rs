//! Runs a filter in the real host inside `cargo test`: the same engine, limits and checks as in the
//! proxy, without sockets.
//!
//! ```no_run
//! # let component = Vec::new();
//! # let compiler = "switchyard-filter-test-compile";
//! use switchyard_filter_test::Host;
//!
//! let host = Host::start(compiler);
//! let filter = host.filter(&component, r#"{ "header": "x-id" }"#).unwrap();
//! let mut exchange = filter.exchange();
//! assert_eq!(exchange.request(&[("x-id", "7")]).unwrap(), "pass\n  set x-id: 7\n");
//! ```
//!
//! Decisions come as text, one line for each edit, so that a test reads like the story it tells.

mod describe;
mod exchange;
mod recorder;

pub use exchange::{Exchange, Filter};
pub use switchyard_contract::snapshot::{FilterLimits, Isolation};
pub use switchyard_runtime::{Fault, HookError, PrepareError};

use recorder::Recorder;
use std::sync::Arc;
use switchyard_runtime::{BindingSpec, LoadError, Runtime, RuntimeSettings};

const INSTANCES_MAX: u32 = 64;
/// A test's machine is slower than a node, and no test is about time.
const DEADLINE_MS: u32 = 1_000;

/// One filter host in a folder of its own, gone when it is dropped.
pub struct Host {
    runtime: Runtime,
    recorder: Arc<Recorder>,
    _folder: tempfile::TempDir,
}

/// Why a filter does not serve.
#[derive(Debug)]
pub enum Refusal {
    Load(LoadError),
    Prepare(PrepareError),
}

impl Host {
    /// `compiler`: a program that compiles, such as this crate's `switchyard-filter-test-compile`.
    ///
    /// # Panics
    /// When the machine gives no folder or the engine does not start: a test cannot go on.
    #[must_use]
    pub fn start(compiler: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let defaults = RuntimeSettings::new(folder.path().join("modules"), vec![compiler.to_owned()]);
        let settings = RuntimeSettings { instances_max: INSTANCES_MAX, deadline_ms: DEADLINE_MS, ..defaults };
        let recorder = Arc::new(Recorder::default());
        let runtime = Runtime::start(settings, recorder.clone()).expect("the filter engine starts");
        Self { runtime, recorder, _folder: folder }
    }

    /// Loads and configures a filter, a fresh instance for each exchange.
    pub fn filter(&self, component: &[u8], config: &str) -> Result<Filter, Refusal> {
        self.filter_with(component, config, Isolation::Fresh, FilterLimits::default())
    }

    /// Loads and configures a filter.
    pub fn filter_with(
        &self,
        component: &[u8],
        config: &str,
        isolation: Isolation,
        limits: FilterLimits,
    ) -> Result<Filter, Refusal> {
        let module = self.runtime.load(Runtime::digest(component), component).map_err(Refusal::Load)?;
        let spec = BindingSpec {
            tenant: "test".parse().expect("a tenant id"),
            plugin: "filter".parse().expect("a plugin name"),
            version: "0.0.0".parse().expect("a version"),
            config: config.into(),
            isolation,
            limits,
        };
        self.runtime.prepare(&module, spec).map(Filter::new).map_err(Refusal::Prepare)
    }

    /// What filters logged and counted since the last call, one line each.
    #[must_use]
    pub fn recorded(&self) -> Vec<String> {
        self.recorder.take()
    }
}
