//! One process owns a store file: its world lives in memory, and a second one beside it would
//! decide on what it does not see. The kernel gives the lock back when the owner dies, however.

use super::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

pub(super) struct Owner {
    _locked: File,
}

impl Owner {
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Unavailable {
            doing: "take ownership of the store",
            reason: format!("{}: {error}", lock_path(store).display()),
        };
        let path = lock_path(store);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Only for the message: an unreadable name does not make it free.
                let _ = file.read_to_string(&mut owner);
                return Err(StoreError::Owned { path: store.display().to_string(), owner: owner.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(Self { _locked: file })
    }
}

fn lock_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".owner");
    PathBuf::from(name)
}
