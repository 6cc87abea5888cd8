//! Compiled modules on disk, authenticated with a key that never leaves the node.
//!
//! Loading machine code executes it, so nothing is loaded that this node did not make: each file
//! ends in an HMAC over its digest, the engine's settings and its code. A file that fails the check
//! is removed and counts as absent. The wasm lies beside it, for compiling again after an upgrade
//! without the control plane and for reading source lines when a filter traps.

use crate::fault::StartError;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use switchyard_contract::Digest;

const KEY_FILE: &str = "node.key";
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 32;

pub(crate) struct DiskCache {
    folder: PathBuf,
    key: hmac::Key,
    /// Tells engines apart whose code does not fit each other.
    compatibility: String,
    bytes_max: u64,
}

impl DiskCache {
    pub(crate) fn open(folder: &Path, compatibility: String, bytes_max: u64) -> Result<Self, StartError> {
        let open = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            node_key(&folder.join(KEY_FILE))
        };
        let key = open().map_err(|source| StartError::Cache { path: folder.display().to_string(), source })?;
        Ok(Self { folder: folder.into(), key: hmac::Key::new(hmac::HMAC_SHA256, &key), compatibility, bytes_max })
    }

    /// Machine code this node made for this engine, or `None`.
    pub(crate) fn code(&self, digest: Digest) -> Option<Vec<u8>> {
        let path = self.code_path(digest);
        let mut bytes = fs::read(&path).ok()?;
        let code_len = bytes.len().checked_sub(TAG_BYTES);
        let authentic = code_len
            .and_then(|at| bytes.split_at_checked(at))
            .is_some_and(|(code, tag)| hmac::verify(&self.key, &self.message(digest, code), tag).is_ok());
        if !authentic {
            tracing::warn!(path = %path.display(), "a compiled module is not this node's or was changed; it is removed and compiled again");
            let _gone = fs::remove_file(&path);
            return None;
        }
        bytes.truncate(code_len?);
        self.touch(&path);
        Some(bytes)
    }

    /// The wasm that was stored with the code, verified.
    pub(crate) fn wasm(&self, digest: Digest) -> Option<Vec<u8>> {
        let bytes = fs::read(self.wasm_path(digest)).ok()?;
        (sha256(&bytes) == digest).then_some(bytes)
    }

    /// Keeps both; afterwards at most `bytes_max` are kept in all. Gives the number of modules evicted.
    pub(crate) fn store(&self, digest: Digest, wasm: &[u8], code: &[u8]) -> io::Result<u64> {
        let tag = hmac::sign(&self.key, &self.message(digest, code));
        write_whole(&self.wasm_path(digest), &[wasm])?;
        write_whole(&self.code_path(digest), &[code, tag.as_ref()])?;
        self.evict(digest)
    }

    fn message(&self, digest: Digest, code: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(64 + self.compatibility.len() + code.len());
        message.extend_from_slice(digest.as_bytes());
        message.extend_from_slice(&(self.compatibility.len() as u64).to_le_bytes());
        message.extend_from_slice(self.compatibility.as_bytes());
        message.extend_from_slice(code);
        message
    }

    fn code_path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}-{}.cwasm", digest.hex(), self.compatibility))
    }

    fn wasm_path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.wasm", digest.hex()))
    }

    /// Files tell by their modification time when they were last used.
    fn touch(&self, path: &Path) {
        let touched = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::debug!(path = %path.display(), %error, "the time of last use could not be written");
        }
    }

    /// Removes the least recently used until the rest fits. `keep` was just stored.
    fn evict(&self, keep: Digest) -> io::Result<u64> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == KEY_FILE || name.starts_with(&keep.hex()) {
                continue;
            }
            let about = entry.metadata()?;
            files.push((about.modified()?, about.len(), name));
        }
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        let mut evicted = 0;
        for (_, bytes, name) in files {
            if total <= self.bytes_max {
                break;
            }
            fs::remove_file(self.folder.join(&name))?;
            total -= bytes;
            evicted += u64::from(name.ends_with(".cwasm"));
        }
        Ok(evicted)
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.as_ref());
    Digest::from_bytes(sha256)
}

/// Made at first start, readable by this user only.
fn node_key(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(key) if key.len() == KEY_BYTES => return Ok(key),
        Ok(_) => {
            tracing::warn!(path = %path.display(), "the node's key has the wrong length; a new one is made and modules are compiled again")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = vec![0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("the system has no random bytes"))?;
    write_whole(path, &[&key])?;
    Ok(key)
}

/// Under a temporary name, synced, then renamed: a reader sees all or nothing.
fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = path.with_extension(format!("tmp-{}-{:?}", std::process::id(), std::thread::current().id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _left_behind = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path, bytes_max: u64) -> DiskCache {
        DiskCache::open(folder, "engine-1".into(), bytes_max).expect("opens")
    }

    #[test]
    fn only_what_this_node_made_for_this_engine_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache_1 = cache(folder.path(), 1 << 20);
        let digest = sha256(b"wasm");
        cache_1.store(digest, b"wasm", b"code").expect("stores");
        assert_eq!(cache(folder.path(), 1 << 20).code(digest), Some(b"code".to_vec()), "another start of the node");
        assert_eq!(cache_1.wasm(digest), Some(b"wasm".to_vec()));
        // The same file under another digest, and for another engine.
        let other = sha256(b"other");
        fs::copy(cache_1.code_path(digest), cache_1.code_path(other)).expect("copies");
        assert_eq!(cache_1.code(other), None);
        let cache_2 = DiskCache::open(folder.path(), "engine-2".into(), 1 << 20).expect("opens");
        fs::copy(cache_1.code_path(digest), cache_2.code_path(digest)).expect("copies");
        assert_eq!(cache_2.code(digest), None);
        // Every single flipped bit.
        let path = cache_1.code_path(digest);
        let good = fs::read(&path).expect("reads");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bad).expect("writes");
            assert_eq!(cache_1.code(digest), None, "bit {bit}");
        }
        // Another node's key.
        fs::write(&path, &good).expect("writes");
        fs::write(folder.path().join(KEY_FILE), [7; KEY_BYTES]).expect("writes");
        assert_eq!(cache(folder.path(), 1 << 20).code(digest), None);
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path(), 2_500);
        let digests: Vec<Digest> = (0..3u8).map(|i| sha256(&[i])).collect();
        for (i, digest) in digests.iter().enumerate() {
            let evicted = cache.store(*digest, &[i as u8], &[0; 1_000]).expect("stores");
            assert_eq!(evicted, 0, "what was just stored is not counted against itself");
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(i as u64);
            for path in [cache.code_path(*digest), cache.wasm_path(*digest)] {
                File::options().append(true).open(path).and_then(|file| file.set_modified(at)).expect("sets the time");
            }
        }
        assert!(cache.code(digests[0]).is_some(), "reading makes it the newest");
        assert_eq!(cache.store(sha256(b"new"), b"new", &[0; 1_000]).expect("stores"), 1);
        assert!(
            cache.code(digests[0]).is_some() && cache.code(digests[1]).is_none() && cache.code(digests[2]).is_some()
        );
    }
}
