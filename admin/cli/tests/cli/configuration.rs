//! A server that cannot start says why, and exits.

use crate::server::Server;
use crate::{stderr, switchyard};
use std::fs;
use std::net::TcpListener;

#[test]
fn a_faulty_file_is_refused_with_every_line() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("switchyard.toml");
    fs::write(&path, "[filters]\ndedline_ms = 5\n[edge]\nworkers = -1\n[node]\nname = 7\n").expect("writable");
    let told = stderr(&switchyard().args(["serve", "--config"]).arg(&path).assert().code(3));
    for said in [
        "so nothing was started",
        "line 2: [filters] has no key `dedline_ms`; did you mean `deadline_ms`?",
        "line 4: edge.workers: invalid value",
        "line 6: node.name: invalid type",
    ] {
        assert!(told.contains(said), "{said:?} is not in\n{told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_failure_when_it_was_named() {
    let told = stderr(&switchyard().args(["serve", "--config", "/nowhere/switchyard.toml"]).assert().code(1));
    assert!(told.contains("could not read the configuration /nowhere/switchyard.toml"), "{told}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("temp folder");
    let file = folder.path().join("a-file");
    fs::write(&file, "").expect("writable");
    let told = stderr(&switchyard().arg("--data-dir").arg(file.join("data")).arg("serve").assert().code(1));
    assert!(told.contains("could not use the data folder") && told.contains("hint: "), "{told}");
}

#[test]
fn a_second_server_on_the_same_folder_is_kept_out() {
    let server = Server::start();
    let told = stderr(&server.command().args(["serve", "--config"]).arg(server.config()).assert().code(1));
    assert!(told.contains("another switchyard uses it (admin at 127.0.0.1:"), "{told}");
}

#[test]
fn a_port_in_use_is_named_and_nothing_stays_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    for section in ["edge]\nhttp", "admin]\nlisten"] {
        let other = if section.starts_with("edge") { "admin]\nlisten" } else { "edge]\nhttp" };
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("switchyard.toml");
        fs::write(&path, format!("[{section} = \"{address}\"\n[{other} = \"127.0.0.1:0\"\n")).expect("writable");
        let data = folder.path().join("data");
        let assert = switchyard().arg("--data-dir").arg(&data).args(["serve", "--config"]).arg(&path).assert().code(1);
        let told = stderr(&assert);
        assert!(told.contains(&address.to_string()) && told.contains("hint: "), "{told}");
        assert!(!data.join("admin-address").exists(), "a server that did not start left its address");
    }
}
