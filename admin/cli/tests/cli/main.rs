//! The real binary, started as people start it: what it says, how it exits, what survives it.

mod commands;
mod configuration;
mod crash;
mod demo;
mod origin;
mod server;
mod stop;
mod usage;

use assert_cmd::Command;
use assert_cmd::assert::Assert;

/// The program with no address, token or data folder of the caller's.
fn switchyard() -> Command {
    let mut command = Command::cargo_bin("switchyard").expect("the binary is built");
    for variable in ["SWITCHYARD_ADMIN", "SWITCHYARD_TOKEN", "SWITCHYARD_DATA_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}
