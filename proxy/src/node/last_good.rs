//! The last snapshot this node made true, on disk: what it boots from without the control plane.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use switchyard_contract::snapshot::Snapshot;

const FILE: &str = "last_good.json";

/// Why there is nothing to boot from, beyond "there never was a snapshot".
#[derive(Debug, thiserror::Error)]
pub enum LastGoodError {
    #[error("{path} cannot be used: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is damaged: {source}; move it away to start from the control plane alone")]
    Damaged { path: PathBuf, source: serde_json::Error },
}

/// `None`: this node never had one.
pub fn read(data_dir: &Path) -> Result<Option<Snapshot>, LastGoodError> {
    let path = data_dir.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|source| LastGoodError::Damaged { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LastGoodError::Io { path, source }),
    }
}

/// Either the old snapshot or the new one is there, whole, whatever happens in between.
pub fn write(data_dir: &Path, snapshot: &Snapshot) -> Result<(), LastGoodError> {
    let path = data_dir.join(FILE);
    let replace = || -> io::Result<()> {
        let new = data_dir.join(format!("{FILE}.new"));
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(snapshot)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(data_dir)?.sync_all()
    };
    replace().map_err(|source| LastGoodError::Io { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_contract::Generation;

    #[test]
    fn what_was_written_is_read_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_none());
        let snapshot = Snapshot { generation: Generation(7), tenants: vec![] };
        write(dir.path(), &snapshot).unwrap();
        write(dir.path(), &snapshot).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Some(snapshot));
        std::fs::write(dir.path().join(FILE), b"{\"generation\": 7, \"ten").unwrap();
        assert!(matches!(read(dir.path()), Err(LastGoodError::Damaged { .. })));
    }
}
