//! The data folder: what a server leaves in it for the commands on the same machine, and the lock
//! that keeps a second server out.

use crate::config;
use crate::failure::Failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Written by `serve`, read by the client commands.
const ADMIN_ADDRESS: &str = "admin-address";
const LOCK: &str = "lock";

#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// Held for as long as a server uses the folder; the kernel lets go when the process ends.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "kept for its lock")] File);

impl DataDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder a client command looks into: the one named, else that of the local configuration.
    pub fn of_client(named: Option<&Path>) -> Result<Self, Failure> {
        match named {
            Some(path) => Ok(Self::new(path)),
            None => Ok(Self::new(config::load(None)?.written.node.data_dir)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the folder, private to this user, and locks it.
    pub fn hold(&self) -> Result<Held, Failure> {
        let tried = format!("use the data folder {}", self.0.display());
        let advice = "name a folder this user may write with --data-dir, or node.data_dir in the configuration";
        let unusable = |error: std::io::Error| Failure::failed(tried.clone(), error).advise(advice);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(unusable)?;
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(self.0.join(LOCK));
        let lock = open.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Held(lock)),
            Err(TryLockError::WouldBlock) => {
                let who =
                    self.admin_address().map_or_else(|_| String::new(), |address| format!(" (admin at {address})"));
                Err(Failure::failed(tried, format!("another switchyard uses it{who}"))
                    .advise("stop that one first, or give this one a folder of its own with --data-dir"))
            }
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Tells the commands on this machine where the admin API is. Whole or not at all: it is
    /// written beside and renamed.
    pub fn tell_admin_address(&self, address: std::net::SocketAddr) -> Result<(), Failure> {
        let path = self.0.join(ADMIN_ADDRESS);
        let beside = self.0.join(".admin-address.new");
        let write = || {
            let mut file = File::create(&beside)?;
            writeln!(file, "{address}")?;
            fs::rename(&beside, &path)
        };
        write().map_err(|error: std::io::Error| Failure::failed(format!("write {}", path.display()), error))
    }

    pub fn forget_admin_address(&self) {
        // A leftover only makes a client say "no answer" instead of "not running".
        _ = fs::remove_file(self.0.join(ADMIN_ADDRESS));
    }

    /// `host:port` of the server that uses this folder, or why there is none.
    pub fn admin_address(&self) -> Result<String, String> {
        let path = self.0.join(ADMIN_ADDRESS);
        match fs::read_to_string(&path) {
            Ok(address) => Ok(address.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(format!("no server has left its address in {}", path.display()))
            }
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        }
    }

    /// Where the admin plane leaves the first token.
    pub fn token_path(&self) -> PathBuf {
        self.0.join(switchyard_admin::ADMIN_TOKEN_FILE)
    }

    /// The first admin token, where this user may read it.
    pub fn admin_token(&self) -> Option<String> {
        let token = fs::read_to_string(self.token_path()).ok()?;
        Some(token.trim().to_owned()).filter(|token| !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().expect("temp folder");
        let data = DataDir::new(folder.path().join("deep/er"));
        let held = data.hold().expect("free");
        data.tell_admin_address(([127, 0, 0, 1], 7).into()).expect("writable");
        let failure = data.hold().expect_err("locked");
        assert!(failure.text().contains("another switchyard uses it (admin at 127.0.0.1:7)"), "{}", failure.text());
        drop(held);
        data.hold().expect("free again");
    }

    #[test]
    fn address_and_token_come_back_trimmed() {
        let folder = tempfile::tempdir().expect("temp folder");
        let data = DataDir::new(folder.path());
        assert!(data.admin_address().is_err());
        assert_eq!(data.admin_token(), None);
        data.tell_admin_address(([127, 0, 0, 1], 7070).into()).expect("writable");
        fs::write(data.token_path(), "secret\n").expect("writable");
        assert_eq!(data.admin_address().as_deref(), Ok("127.0.0.1:7070"));
        assert_eq!(data.admin_token().as_deref(), Some("secret"));
        data.forget_admin_address();
        assert!(data.admin_address().is_err());
    }
}
