//! The admin API, thin: parse at the door, call the app, show the result.

mod address;
mod answer;
pub mod audit;
mod conditions;
pub mod deployments;
pub mod explain;
pub mod health;
mod json;
mod names;
pub mod nodes;
mod page;
pub mod plugins;
mod problem;
pub mod tenant_plugins;
pub mod tenants;
pub mod tokens;
pub mod upload;
mod view;

pub use problem::Problem;
