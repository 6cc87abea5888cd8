//! What can go wrong with a filter, by what the caller does about it.

use switchyard_contract::Digest;

/// Why a hook gave no decision. The message it saw is as it was before the call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HookError {
    /// The filter says the client is at fault: 400 with this text, whatever the failure policy.
    #[error("rejected by the filter: {0}")]
    Reject(String),
    /// The failure policy of the binding decides.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A failure of the filter or of the room it needs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The node has no room for another instance: 503 with `Retry-After`, whatever the policy.
    #[error("no room for another filter instance: {live} of {max} are live")]
    Exhausted { live: u64, max: u64 },
    /// Undefined behaviour caught by the sandbox: a panic, a bad access, a stack overflow.
    #[error("trap in {hook}: {reason}{}", at(.frames))]
    Trap { hook: &'static str, reason: String, frames: Vec<Frame> },
    #[error("{hook} ran longer than its {deadline_ms} ms")]
    Deadline { hook: &'static str, deadline_ms: u32 },
    #[error("{hook} wanted more than its {memory_bytes_max} bytes of memory")]
    Memory { hook: &'static str, memory_bytes_max: u64 },
    #[error("{hook} made more than its {host_calls_max} host calls")]
    HostCalls { hook: &'static str, host_calls_max: u32 },
    /// The decision holds something HTTP or the contract forbids; none of it landed.
    #[error("{hook} gave an invalid decision: {reason}")]
    InvalidDecision { hook: &'static str, reason: String },
    /// The filter gave up by itself (`error::fault`).
    #[error("{hook} failed: {reason}")]
    Failed { hook: &'static str, reason: String },
    /// The reused instance of this exchange was discarded after another exchange's fault.
    #[error("the filter instance of this exchange was discarded after a fault of another exchange")]
    Discarded,
}

impl Fault {
    /// The value of the `resource` or `outcome` label in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exhausted { .. } => "exhausted",
            Self::Trap { .. } => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::HostCalls { .. } => "host_calls",
            Self::InvalidDecision { .. } => "invalid_decision",
            Self::Failed { .. } => "failed",
            Self::Discarded => "discarded",
        }
    }
}

/// One frame of a trap, innermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub function: String,
    pub file: Option<String>,
    pub line: Option<u32>,
}

fn at(frames: &[Frame]) -> String {
    let place = frames.iter().find_map(|frame| Some((frame.file.as_deref()?, frame.line?)));
    place.map_or_else(String::new, |(file, line)| format!(" at {file}:{line}"))
}

/// Why an artifact is no filter this node can run. All reasons, not only the first.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    #[error("the artifact is refused: {}", .0.join("; "))]
    Refused(Vec<String>),
    #[error("the bytes have digest {found}, {expected} was asked for")]
    Digest { expected: Digest, found: Digest },
    #[error("compiling took more than its {seconds} s of {what}")]
    CompileLimit { what: &'static str, seconds: u64 },
    #[error("compiling failed: {0}")]
    Compile(String),
    #[error("the module cache could not be used: {0}")]
    Cache(String),
}

/// Why a compiled filter cannot serve a binding.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PrepareError {
    #[error("configure refused: {0}")]
    Configure(String),
    #[error("the filter is not healthy: {0}")]
    Health(String),
    #[error("the plan of the filter is invalid: {0}")]
    Plan(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why the runtime could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the filter engine does not start with these settings: {0}")]
    Engine(String),
    #[error("the module cache {path} cannot be used: {source}")]
    Cache { path: String, source: std::io::Error },
}
