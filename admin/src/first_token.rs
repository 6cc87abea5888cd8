//! The first way in: an installation without tokens gets one Admin token, in a file only its owner
//! can read.

use crate::admin::AdminError;
use crate::app::{App, Asked, Order, Reply};
use crate::auth::{Actor, fresh_token};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use switchyard_domain::command::NewToken;
use switchyard_domain::{Command, Role};

/// In the data folder.
pub const FILE_NAME: &str = "admin-token";

pub(crate) async fn ensure(app: &App, data_dir: &Path) -> Result<(), AdminError> {
    if !app.world().tokens().is_empty() {
        return Ok(());
    }
    let failed = |reason: String| AdminError::FirstToken(reason);
    let fresh = fresh_token().map_err(|_| failed("the system gives no random bytes".to_owned()))?;
    // The file first: killed in between, the next start makes another; the other way round nobody
    // could ever come in.
    write(data_dir, &fresh.text).map_err(|error| failed(format!("{}: {error}", data_dir.display())))?;
    let token = NewToken {
        id: fresh.id,
        name: "first admin".to_owned(),
        secret_sha256: fresh.secret_sha256,
        role: Role::Admin,
        expires_at_unix_ms: None,
    };
    let order =
        Order::new(&Actor::first_start(), Asked::default(), Command::CreateToken(token), |_, _| Reply::no_content());
    app.execute(order).await?;
    Ok(())
}

/// Whole or not at all, and never readable by others, not even for a moment.
fn write(data_dir: &Path, token: &str) -> io::Result<()> {
    let (path, temporary) = (data_dir.join(FILE_NAME), data_dir.join(".admin-token.new"));
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    File::open(data_dir)?.sync_all()
}
