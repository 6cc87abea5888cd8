//! What becomes of bodies.

use crate::bindings::types::{self, Edit};

/// What becomes of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Goes on as it came.
    Keep,
    /// These bytes go on instead. None: the chunk is held back.
    Replace(Vec<u8>),
    /// The exchange ends.
    Abort,
}

impl From<Chunk> for types::ChunkDecision {
    fn from(chunk: Chunk) -> Self {
        match chunk {
            Chunk::Keep => Self::Keep,
            Chunk::Replace(bytes) => Self::Replace(bytes),
            Chunk::Abort => Self::Abort,
        }
    }
}

/// What becomes of a whole body, and the last edits to the head it belongs to.
#[derive(Debug, Clone)]
#[must_use = "a body is decided when the hook returns it"]
pub struct Whole(pub(crate) types::Whole);

impl Whole {
    /// The body goes on as it came.
    pub const fn keep() -> Self {
        Self(types::Whole { body: None, headers: Vec::new() })
    }

    /// These bytes go on instead.
    pub fn replace(body: impl Into<Vec<u8>>) -> Self {
        Self(types::Whole { body: Some(body.into()), headers: Vec::new() })
    }

    /// Adds an edit of the waiting head.
    pub fn edit(mut self, edit: Edit) -> Self {
        self.0.headers.push(edit);
        self
    }

    /// Replaces every value of a header of the waiting head.
    pub fn set(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit(Edit::set(name, value))
    }

    /// Adds one more value of a header of the waiting head.
    pub fn append(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit(Edit::append(name, value))
    }

    /// Removes every value of a header of the waiting head.
    pub fn remove(self, name: impl Into<String>) -> Self {
        self.edit(Edit::remove(name))
    }
}
