//! What the process may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Every connection is an open file, and the usual soft limit of 1,024 is for programs that call
/// `select`: takes what the system allows. Where that fails the server runs with less.
pub fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "the limit of open files could not be raised");
    }
}
