//! What a filter author writes against: a value in, a decision out.
//!
//! ```
//! use switchyard_filter::prelude::*;
//!
//! #[config]
//! struct Config {
//!     tenant: String,
//! }
//!
//! struct Greeting {
//!     config: &'static Config,
//! }
//!
//! #[filter(request_headers("x-tenant"))]
//! impl Filter for Greeting {
//!     type Config = Config;
//!
//!     fn new(config: &'static Config) -> Self {
//!         Self { config }
//!     }
//!
//!     fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
//!         let tenant = request.header("x-tenant").ok_or_else(|| Reply::new(401).text("who are you?"))?;
//!         let hit = tenant == self.config.tenant.as_bytes();
//!         Ok(request.pass().set("x-filter", if hit { "hit" } else { "mis" }))
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! One value of the filter's type lives as long as one exchange, so its fields are the state of a
//! request. The configuration is parsed once, when a node prepares the filter.
//!
//! Nothing here panics on what it is given. A panic in a filter traps: its instance is discarded,
//! the message stays as it was, and the failure policy of the binding decides.

#[cfg(any(test, all(feature = "arena", target_arch = "wasm32")))]
mod arena;
#[doc(hidden)]
pub mod bindings;
mod body;
pub mod clock;
mod component;
mod config;
mod edits;
#[doc(hidden)]
pub mod exports;
mod filter;
mod halt;
mod head;
mod instance;
pub mod log;
pub mod metrics;
pub mod random;
mod reply;

pub use body::{Chunk, Whole};
pub use config::{Configuration, NoConfig};
pub use edits::{Edit, RequestEdits, ResponseEdits};
pub use filter::{Filter, Finished, HeaderNames, Plan};
pub use halt::{Failure, Halt, OrFail, Result, fault, reject};
pub use head::{Header, Headers, RequestHead, RequestLine, ResponseHead};
pub use reply::Reply;
pub use switchyard_filter_macros::{config, filter};

/// Everything a filter usually names.
pub mod prelude {
    pub use crate::{
        Chunk, Edit, Failure, Filter, Finished, Halt, Header, Headers, OrFail, Plan, Reply, RequestEdits, RequestHead,
        ResponseEdits, ResponseHead, Result, Whole, clock, config, fault, filter, log, metrics, random, reject,
    };
}

/// The version being built, as `switchyard filter build` puts it into the manifest.
#[macro_export]
macro_rules! version {
    () => {
        match option_env!("SWITCHYARD_FILTER_VERSION") {
            Some(version) => version,
            None => env!("CARGO_PKG_VERSION"),
        }
    };
}

/// What the macros' output names. No part of the promise to authors.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::bindings;
    pub use crate::component::{Component, Hosted};
    pub use crate::exports;
    pub use crate::filter::Declared;
    pub use crate::instance::Instance;
    pub use serde;
}
