//! Why a hook did not pass its message on.

use crate::Reply;
use crate::bindings::types;
use core::fmt::Display;

/// What a hook that sees a head or a whole body returns; hooks of chunks return `Result<_, Failure>`.
pub type Result<T, E = Halt> = core::result::Result<T, E>;

/// A hook that sees a head or a whole body ends with an answer of its own or with a failure.
#[derive(Debug, Clone)]
pub enum Halt {
    Reply(Reply),
    Failure(Failure),
}

/// A message that cannot be passed on. Any error becomes a [`Failure::Fault`] through `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The client's fault: answered with 400 and this text.
    Reject(String),
    /// The filter's own failure: the failure policy of the binding decides.
    Fault(String),
}

/// The client's fault: answered with 400 and this text.
pub fn reject(text: impl Into<String>) -> Failure {
    Failure::Reject(text.into())
}

/// The filter's own failure: the failure policy of the binding decides; the text is logged.
pub fn fault(text: impl Into<String>) -> Failure {
    Failure::Fault(text.into())
}

/// Says whose fault a missing or wrong value is.
pub trait OrFail<T> {
    /// The client's: answered with 400 and this text.
    fn or_reject(self, text: &str) -> Result<T, Failure>;
    /// The filter's own.
    fn or_fault(self, text: &str) -> Result<T, Failure>;
}

impl<T> OrFail<T> for Option<T> {
    fn or_reject(self, text: &str) -> Result<T, Failure> {
        self.ok_or_else(|| reject(text))
    }
    fn or_fault(self, text: &str) -> Result<T, Failure> {
        self.ok_or_else(|| fault(text))
    }
}

impl<T, E: Display> OrFail<T> for core::result::Result<T, E> {
    fn or_reject(self, text: &str) -> Result<T, Failure> {
        self.map_err(|error| reject(format!("{text}: {error}")))
    }
    fn or_fault(self, text: &str) -> Result<T, Failure> {
        self.map_err(|error| fault(format!("{text}: {error}")))
    }
}

impl<E: core::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        fault(error.to_string())
    }
}

impl<E: core::error::Error> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Reply> for Halt {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Failure> for types::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reject(text) => Self::Reject(text),
            Failure::Fault(text) => Self::Fault(text),
        }
    }
}
