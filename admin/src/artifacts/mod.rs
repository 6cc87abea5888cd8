//! Plugin binaries by the digest of their bytes. What is stored never changes; what is read is
//! verified. Bytes are staged first and kept only when their registration is decided.

mod folder;

pub use folder::FolderArtifacts;

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeSet;
use switchyard_contract::Digest;

#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("the artifact has more than {bytes_max} bytes, the most there may be")]
    TooLarge { bytes_max: u64 },
    #[error("there is no artifact {0}")]
    Missing(Digest),
    #[error("artifact {0} is damaged: its bytes have another digest; restore it from a backup, or register it anew")]
    Damaged(Digest),
    #[error("could not {doing} {path}: {source}")]
    Io { doing: &'static str, path: String, source: std::io::Error },
}

/// Bytes on their way in. Dropping it forgets them.
#[async_trait]
pub trait Staging: Send {
    async fn write(&mut self, chunk: Bytes) -> Result<(), ArtifactError>;
    /// All bytes are there and on disk.
    async fn seal(self: Box<Self>) -> Result<Box<dyn Staged>, ArtifactError>;
}

/// Bytes that are whole but not kept yet. Dropping it forgets them.
#[async_trait]
pub trait Staged: Send + Sync {
    fn digest(&self) -> Digest;
    fn size_bytes(&self) -> u64;
    async fn read(&self) -> Result<Vec<u8>, ArtifactError>;
    /// Durable when it answers. Keeping bytes that are kept already is harmless.
    async fn keep(self: Box<Self>) -> Result<(), ArtifactError>;
}

#[async_trait]
pub trait Artifacts: Send + Sync + 'static {
    async fn stage(&self) -> Result<Box<dyn Staging>, ArtifactError>;
    /// The bytes, verified.
    async fn read(&self, digest: Digest) -> Result<Vec<u8>, ArtifactError>;
    /// Removes everything that is not in `wanted`, and what was left half staged. Gives the number.
    async fn sweep(&self, wanted: &BTreeSet<Digest>) -> Result<u64, ArtifactError>;
}
