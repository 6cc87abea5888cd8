//! Why a command was not carried out: its kind, and every reason with the place it points at.

use serde::Serialize;
use std::fmt;

/// What the caller does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// What the command is about does not exist, or the actor may not know that it does.
    NotFound,
    /// The command is sound, the state of the world is in its way.
    Conflict,
    /// The command could never be carried out as it stands.
    Invalid,
    /// The actor may see it, but not do it.
    Forbidden,
}

/// One fault of a command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// JSON pointer (RFC 6901) into the request's body; empty for the whole of it.
    pub pointer: String,
    pub reason: String,
}

impl Reason {
    pub fn at(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason: reason.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// One sentence: what was tried and what stands in the way.
    pub detail: String,
    /// All of them. Empty where the sentence says everything.
    pub reasons: Vec<Reason>,
}

impl Refusal {
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self { kind: RefusalKind::NotFound, detail: format!("there is no {what}"), reasons: Vec::new() }
    }
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Conflict, detail: detail.into(), reasons: Vec::new() }
    }
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Forbidden, detail: detail.into(), reasons: Vec::new() }
    }
    pub fn invalid(reasons: Vec<Reason>) -> Self {
        Self { kind: RefusalKind::Invalid, detail: summary(&reasons), reasons }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
impl std::error::Error for Refusal {}

fn summary(reasons: &[Reason]) -> String {
    match reasons {
        [] => "the request is not valid".to_owned(),
        [only] => only.reason.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.reason, rest.len()),
    }
}

/// Gathers faults: those that make the command invalid and those that only the present world makes.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    invalid: Vec<Reason>,
    conflicts: Vec<Reason>,
}

impl Faults {
    pub(crate) fn invalid(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        self.invalid.push(Reason::at(pointer, reason));
    }
    pub(crate) fn conflict(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        self.conflicts.push(Reason::at(pointer, reason));
    }
    /// Invalid wins: it has to be mended first in any world. Conflicts are listed with it.
    pub(crate) fn verdict(self) -> Result<(), Refusal> {
        let kind = match (self.invalid.is_empty(), self.conflicts.is_empty()) {
            (true, true) => return Ok(()),
            (false, _) => RefusalKind::Invalid,
            (true, false) => RefusalKind::Conflict,
        };
        let reasons: Vec<_> = self.invalid.into_iter().chain(self.conflicts).collect();
        Err(Refusal { kind, detail: summary(&reasons), reasons })
    }
}
