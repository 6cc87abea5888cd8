//! Bytes by digest.

use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use switchyard_admin::artifacts::{ArtifactError, Artifacts, FolderArtifacts, Staged};
use switchyard_contract::Digest;
use tempfile::TempDir;

async fn staged(artifacts: &FolderArtifacts, bytes: &'static [u8]) -> Box<dyn Staged> {
    let mut staging = artifacts.stage().await.unwrap();
    for chunk in bytes.chunks(3) {
        staging.write(Bytes::from_static(chunk)).await.unwrap();
    }
    staging.seal().await.unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn what_is_kept_is_given_back() {
    let folder = TempDir::new().unwrap();
    let artifacts = FolderArtifacts::open(folder.path().into(), 100).unwrap();
    let one = staged(&artifacts, b"hello, world").await;
    let digest: Digest = "sha256:09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b".parse().unwrap();
    assert_eq!((one.digest(), one.size_bytes()), (digest, 12));
    assert_eq!(one.read().await.unwrap(), b"hello, world");
    assert!(matches!(artifacts.read(digest).await, Err(ArtifactError::Missing(_))), "not kept yet");
    one.keep().await.unwrap();
    staged(&artifacts, b"hello, world").await.keep().await.unwrap();
    assert_eq!(artifacts.read(digest).await.unwrap(), b"hello, world");
    let place = folder.path().join("sha256/09").join(digest.hex());
    assert_eq!(files(folder.path()), [place]);
}

#[tokio::test]
async fn what_is_not_kept_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let artifacts = FolderArtifacts::open(folder.path().into(), 10).unwrap();
    drop(artifacts.stage().await.unwrap());
    drop(staged(&artifacts, b"0123456789").await);
    let mut staging = artifacts.stage().await.unwrap();
    let error = staging.write(Bytes::from_static(b"01234567890")).await.unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge { bytes_max: 10 }));
    drop(staging);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn damage_is_found_when_read() {
    let folder = TempDir::new().unwrap();
    let artifacts = FolderArtifacts::open(folder.path().into(), 100).unwrap();
    let one = staged(&artifacts, b"precious").await;
    let digest = one.digest();
    one.keep().await.unwrap();
    std::fs::write(&files(folder.path())[0], b"Precious").unwrap();
    assert!(matches!(artifacts.read(digest).await, Err(ArtifactError::Damaged(found)) if found == digest));
}

#[tokio::test]
async fn sweeping_leaves_what_is_wanted() {
    let folder = TempDir::new().unwrap();
    let artifacts = FolderArtifacts::open(folder.path().into(), 100).unwrap();
    let (one, two) = (staged(&artifacts, b"one").await, staged(&artifacts, b"two").await);
    let (wanted, unwanted) = (one.digest(), two.digest());
    one.keep().await.unwrap();
    two.keep().await.unwrap();
    std::fs::write(folder.path().join("staging/left-by-a-crash"), b"half").unwrap();
    assert_eq!(artifacts.sweep(&BTreeSet::from([wanted])).await.unwrap(), 2);
    assert_eq!(artifacts.read(wanted).await.unwrap(), b"one");
    assert!(matches!(artifacts.read(unwanted).await, Err(ArtifactError::Missing(_))));
}
