//! What a filter changes about a head. Edits are staged: they land together, or not at all.

use crate::bindings::types::{self, BodyPlan, Header};

pub use crate::bindings::types::Edit;

impl Edit {
    /// Replaces every value of a header.
    pub fn set(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self::Set(header(name, value))
    }

    /// Adds one more value of a header.
    pub fn append(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self::Append(header(name, value))
    }

    /// Removes every value of a header.
    pub fn remove(name: impl Into<String>) -> Self {
        Self::Remove(lower_case(name))
    }
}

/// Passes a request on, with these changes. The host checks them as if they came from the network.
#[derive(Debug, Clone)]
#[must_use = "edits do nothing until a hook returns them"]
pub struct RequestEdits(pub(crate) types::RequestEdits);

/// Passes a response on, with these changes.
#[derive(Debug, Clone)]
#[must_use = "edits do nothing until a hook returns them"]
pub struct ResponseEdits(pub(crate) types::ResponseEdits);

/// The builder methods every edited head has.
macro_rules! head_edits {
    ($edits:ident, $hooks:literal) => {
        impl $edits {
            /// Adds an edit of a header.
            pub fn edit(mut self, edit: Edit) -> Self {
                self.0.headers.push(edit);
                self
            }

            /// Replaces every value of a header.
            pub fn set(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
                self.edit(Edit::set(name, value))
            }

            /// Adds one more value of a header.
            pub fn append(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
                self.edit(Edit::append(name, value))
            }

            /// Removes every value of a header.
            pub fn remove(self, name: impl Into<String>) -> Self {
                self.edit(Edit::remove(name))
            }

            #[doc = concat!("Sends the body through `", $hooks, "_chunk` as it comes.")]
            pub fn read_chunks(mut self) -> Self {
                self.0.body = BodyPlan::Chunks;
                self
            }

            #[doc = concat!("Collects the body for `", $hooks, "_body`; the head waits for it. A body of more")]
            /// than `bytes_max` is refused by the host, never cut.
            pub fn read_body(mut self, bytes_max: u32) -> Self {
                self.0.body = BodyPlan::Buffer(bytes_max);
                self
            }
        }

        impl Default for $edits {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

head_edits!(RequestEdits, "on_request");
head_edits!(ResponseEdits, "on_response");

impl RequestEdits {
    /// No change; the body passes by unseen.
    pub const fn new() -> Self {
        Self(types::RequestEdits {
            headers: Vec::new(),
            method: None,
            path_with_query: None,
            upstream: None,
            body: BodyPlan::Splice,
        })
    }

    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.0.method = Some(method.into());
        self
    }

    /// Path and query as they go upstream: `/orders?id=7`.
    pub fn path(mut self, path_with_query: impl Into<String>) -> Self {
        self.0.path_with_query = Some(path_with_query.into());
        self
    }

    /// Sends the request to a named upstream of this tenant.
    pub fn upstream(mut self, name: impl Into<String>) -> Self {
        self.0.upstream = Some(name.into());
        self
    }
}

impl ResponseEdits {
    /// No change; the body passes by unseen.
    pub const fn new() -> Self {
        Self(types::ResponseEdits { status: None, headers: Vec::new(), body: BodyPlan::Splice })
    }

    pub fn status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }
}

pub(crate) fn header(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Header {
    Header { name: lower_case(name), value: value.into() }
}

pub(crate) fn lower_case(name: impl Into<String>) -> String {
    let mut name = name.into();
    name.make_ascii_lowercase();
    name
}
