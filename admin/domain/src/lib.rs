//! The rules of the control plane, pure: no clock, no database, no async, no randomness. Time, ids
//! and salts are parameters, so every decision can be tested and replayed.
//!
//! `decide(world, command, context)` answers with the `Changes` that make the command true, or with
//! a `Refusal` that lists every reason. `World::apply` makes the next world, `check` says whether
//! it is sound, `render` turns it into the snapshot a node is asked to serve.

pub mod check;
pub mod command;
pub mod deployment;
pub mod plugin;
pub mod refusal;
pub mod release;
pub mod render;
pub mod role;
mod rules;
pub mod tenant;
pub mod token;
pub mod world;

pub use command::{Changes, Command, Context, decide};
pub use refusal::{Reason, Refusal, RefusalKind};
pub use role::{Environment, Principal, Role};
pub use world::{Change, Key, Resource, World};

/// Milliseconds since the Unix epoch.
pub type UnixMs = u64;
