//! Loads one filter, calls it, bounds it. Knows no sockets, no routes and no deployments.
//!
//! `Runtime` holds the one wasmtime engine. `Runtime::load` gives a compiled `Module` by digest;
//! `Runtime::prepare` configures it for one (tenant, plugin, version, configuration) and gives a
//! `Prepared`; `Prepared::begin` gives an `Exchange`, whose methods are the hooks: a value in, a
//! validated decision out, or a `HookError`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests may fail loudly"))]

mod abi;
mod admission;
mod analysis;
mod cache;
pub mod compile;
pub mod decision;
mod engine;
pub mod exchange;
pub mod fault;
mod host;
mod instance;
mod limits;
pub mod module;
pub mod prepared;
mod reused;
pub mod runtime;
pub mod settings;
mod symbols;
pub mod telemetry;
mod ticker;
mod validate;

pub use decision::{
    BodyPlan, ChunkDecision, HeaderEdit, Reply, RequestDecision, RequestEdits, ResponseDecision, ResponseEdits, Whole,
    WholeDecision,
};
pub use exchange::{Exchange, RequestHeadInput, ResponseHeadInput};
pub use fault::{Fault, Frame, HookError, LoadError, PrepareError, StartError};
pub use module::Module;
pub use prepared::{BindingSpec, Plan, Prepared};
pub use runtime::Runtime;
pub use settings::{CAPABILITIES, RuntimeSettings, RuntimeStats};
pub use telemetry::{FilterId, LogLevel, NoTelemetry, Telemetry};
