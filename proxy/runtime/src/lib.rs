//! Loads one filter, calls it, bounds it. Knows no sockets, no routes and no deployments.
//!
//! `Runtime` holds the one wasmtime engine. `Runtime::load` gives a compiled `Module` by digest;
//! `Runtime::prepare` configures it for one (tenant, plugin, version, configuration) and gives a
//! `Prepared`; `Prepared::begin` gives an `Exchange`, whose methods are the hooks: a value in, a
//! validated decision out, or a `HookError`.

pub mod decision;
pub mod exchange;
pub mod fault;
pub mod module;
pub mod prepared;
pub mod runtime;
pub mod telemetry;

pub use decision::{
    BodyPlan, ChunkDecision, HeaderEdit, Reply, RequestDecision, RequestEdits, ResponseDecision, ResponseEdits, Whole,
};
pub use exchange::{Exchange, RequestHeadInput, ResponseHeadInput};
pub use fault::{Fault, HookError, LoadError, PrepareError, StartError};
pub use module::Module;
pub use prepared::{BindingSpec, Plan, Prepared};
pub use runtime::{Runtime, RuntimeSettings, RuntimeStats};
pub use telemetry::{FilterId, LogLevel, Telemetry};
