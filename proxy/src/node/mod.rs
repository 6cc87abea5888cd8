//! The node's side of the feed: take a generation, prepare it, swap to it, acknowledge it, and see
//! the old versions off.

pub mod faults;
pub mod feed;
pub mod last_good;
pub mod prepare;
pub mod receipt;
pub mod report;
mod swap;
