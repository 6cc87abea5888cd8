//! The control plane: decides what should be true, keeps it, and offers it to the nodes.
//!
//! `Admin::start` opens the store, loads the world, publishes it and serves the admin API.
//! `Admin::feed` is what a node in the same process follows.

mod admin;
mod api;
mod app;
pub mod artifacts;
mod auth;
pub mod feed;
mod first_token;
mod housekeeping;
mod intake;
mod metrics;
mod router;
mod server;
pub mod store;

pub use admin::{Admin, AdminError, AdminSettings};
pub use first_token::FILE_NAME as ADMIN_TOKEN_FILE;
pub use switchyard_domain::Environment;
