//! Artifacts in a local folder: `sha256/ab/abcdef…`, written beside their place, synced, renamed.

use super::{ArtifactError, Artifacts, Staged, Staging};
use async_trait::async_trait;
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use switchyard_contract::Digest;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

pub struct FolderArtifacts {
    root: PathBuf,
    bytes_max: u64,
}

impl FolderArtifacts {
    /// Creates the folder where it is missing. `bytes_max`: of one artifact.
    pub fn open(root: PathBuf, bytes_max: u64) -> Result<Self, ArtifactError> {
        for folder in [root.join("sha256"), root.join("staging")] {
            std::fs::create_dir_all(&folder).map_err(failed("create the folder", &folder))?;
        }
        Ok(Self { root, bytes_max })
    }

    fn place(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        self.root.join("sha256").join(hex.get(..2).unwrap_or_default()).join(hex)
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ArtifactError + use<'a> {
    move |source| ArtifactError::Io { doing, path: path.display().to_string(), source }
}

/// A file in the staging folder that goes when nobody took it further.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Gone already when it was renamed; a leftover is swept at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

struct FolderStaging {
    file: File,
    temporary: TemporaryFile,
    root: PathBuf,
    hash: Context,
    size_bytes: u64,
    bytes_max: u64,
}

#[async_trait]
impl Staging for FolderStaging {
    async fn write(&mut self, chunk: Bytes) -> Result<(), ArtifactError> {
        self.size_bytes += chunk.len() as u64;
        if self.size_bytes > self.bytes_max {
            return Err(ArtifactError::TooLarge { bytes_max: self.bytes_max });
        }
        self.hash.update(&chunk);
        self.file.write_all(&chunk).await.map_err(failed("write", &self.temporary.0))
    }

    async fn seal(mut self: Box<Self>) -> Result<Box<dyn Staged>, ArtifactError> {
        self.file.flush().await.map_err(failed("write", &self.temporary.0))?;
        self.file.sync_all().await.map_err(failed("sync", &self.temporary.0))?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        let digest = Digest::from_bytes(sha256);
        Ok(Box::new(FolderStaged {
            digest,
            size_bytes: self.size_bytes,
            place: FolderArtifacts { root: self.root, bytes_max: self.bytes_max }.place(digest),
            temporary: self.temporary,
        }))
    }
}

struct FolderStaged {
    digest: Digest,
    size_bytes: u64,
    place: PathBuf,
    temporary: TemporaryFile,
}

#[async_trait]
impl Staged for FolderStaged {
    fn digest(&self) -> Digest {
        self.digest
    }
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
    async fn read(&self) -> Result<Vec<u8>, ArtifactError> {
        fs::read(&self.temporary.0).await.map_err(failed("read", &self.temporary.0))
    }
    async fn keep(self: Box<Self>) -> Result<(), ArtifactError> {
        let folder = self.place.parent().unwrap_or(&self.place);
        fs::create_dir_all(folder).await.map_err(failed("create the folder", folder))?;
        fs::rename(&self.temporary.0, &self.place).await.map_err(failed("keep", &self.place))?;
        // The name is durable when its folder is, and the folder when its parent is.
        for folder in [Some(folder), folder.parent()].into_iter().flatten() {
            let opened = File::open(folder).await.map_err(failed("open the folder", folder))?;
            opened.sync_all().await.map_err(failed("sync the folder", folder))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Artifacts for FolderArtifacts {
    async fn stage(&self) -> Result<Box<dyn Staging>, ArtifactError> {
        let path = self.root.join("staging").join(Uuid::new_v4().to_string());
        let file = File::create_new(&path).await.map_err(failed("create", &path))?;
        Ok(Box::new(FolderStaging {
            file,
            temporary: TemporaryFile(path),
            root: self.root.clone(),
            hash: Context::new(&SHA256),
            size_bytes: 0,
            bytes_max: self.bytes_max,
        }))
    }

    async fn read(&self, digest: Digest) -> Result<Vec<u8>, ArtifactError> {
        let place = self.place(digest);
        let bytes = match fs::read(&place).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ArtifactError::Missing(digest)),
            Err(error) => return Err(failed("read", &place)(error)),
        };
        let found = ring::digest::digest(&SHA256, &bytes);
        if found.as_ref() == digest.as_bytes() { Ok(bytes) } else { Err(ArtifactError::Damaged(digest)) }
    }

    async fn sweep(&self, wanted: &BTreeSet<Digest>) -> Result<u64, ArtifactError> {
        let wanted: BTreeSet<String> = wanted.iter().map(Digest::hex).collect();
        let mut removed = remove_unless(&self.root.join("staging"), |_| false).await?;
        let shards = self.root.join("sha256");
        let mut entries = fs::read_dir(&shards).await.map_err(failed("read the folder", &shards))?;
        while let Some(shard) = entries.next_entry().await.map_err(failed("read the folder", &shards))? {
            removed += remove_unless(&shard.path(), |name| wanted.contains(name)).await?;
        }
        Ok(removed)
    }
}

async fn remove_unless(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<u64, ArtifactError> {
    let mut removed = 0;
    let mut entries = fs::read_dir(folder).await.map_err(failed("read the folder", folder))?;
    while let Some(entry) = entries.next_entry().await.map_err(failed("read the folder", folder))? {
        let path = entry.path();
        if !entry.file_name().to_str().is_some_and(&is_wanted) {
            fs::remove_file(&path).await.map_err(failed("remove", &path))?;
            removed += 1;
        }
    }
    Ok(removed)
}
