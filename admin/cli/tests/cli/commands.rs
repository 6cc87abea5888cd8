//! The commands against a real server: the whole life of a plugin and its tenants.

use crate::origin::prompt;
use crate::server::Server;
use crate::{stderr, stdout};
use std::path::PathBuf;
use switchyard_filter_build::example_version;

/// An example filter as a file.
pub fn component(server: &Server, name: &str, version: &str) -> PathBuf {
    let built = example_version(name, &version.parse().expect("a version")).expect("the example builds");
    let path = server.file(&format!("{name}-{version}.wasm"), "");
    std::fs::write(&path, built).expect("writable");
    path
}

/// A tenant with `headers` on its path.
pub fn tenant(server: &Server, id: &str, host: &str) -> PathBuf {
    let text = format!(
        "id = \"{id}\"\nhosts = [\"{host}\"]\nshowVersions = true\n[[upstreams]]\nname = \"main\"\naddresses = [\"{}\"]\n\
         [[plugins]]\nplugin = \"headers\"\nconfig = {{ version_header = \"x-headers-version\" }}\n\
         stickiness = {{ header = \"x-user\" }}\n",
        prompt()
    );
    server.file(&format!("{id}.toml"), &text)
}

#[test]
fn a_plugin_from_upload_to_rollback() {
    let server = Server::start();
    for version in ["1.0.0", "1.1.0"] {
        server.register(&component(&server, "headers", version));
    }
    let listed = stdout(&server.command().args(["plugin", "list"]).assert().code(0));
    assert!(listed.starts_with("NAME") && listed.contains("headers") && listed.contains("1.1.0"), "{listed}");

    let deployed = server.ask(&["deploy", "--plugin", "headers", "--version", "1.0.0"]);
    assert_eq!(deployed["status"], "Completed", "{deployed}");
    let file = tenant(&server, "shop", "shop.example");
    server.ask(&["tenant", "set", "-f", &file.display().to_string()]);

    let split = server.ask(&["deploy", "--plugin", "headers", "--split", "1.0.0=75,1.1.0=25"]);
    let id = split["id"].as_str().expect("an id").to_owned();
    let moved = server.ask(&["deployment", "weights", &id, "1.0.0=40,1.1.0=60"]);
    assert_eq!(moved["versions"][1]["weight"], 60.0, "{moved}");
    let explained = server.ask(&["explain", "--host", "shop.example", "--header", "alice"]);
    assert!(explained["filters"][0]["version"].is_string(), "a key says which version: {explained}");

    let back = server.ask(&["rollback", "--name", "headers", "--reason", "a test"]);
    assert_eq!((&back["id"], &back["status"]), (&id.into(), &"RolledBack".into()), "{back}");
    let shown = stdout(&server.command().args(["tenant", "show", "shop"]).assert().code(0));
    assert!(shown.contains("headers") && shown.contains("1.0.0") && !shown.contains("1.1.0"), "{shown}");
    let swapped = server.ask(&["swap", "--name", "headers", "--version", "1.1.0"]);
    assert_eq!(swapped["status"], "Completed", "{swapped}");
    let back = server.ask(&["rollback", "--name", "headers", "--to-version", "1.0.0"]);
    assert_eq!(back["versions"][0]["version"], "1.0.0", "{back}");

    let status = stdout(&server.command().arg("status").assert().code(0));
    assert!(status.contains("UP TO DATE") && status.contains("shop"), "{status}");
    let audited = server.ask(&["audit", "verify"]);
    assert_eq!(audited["intact"], true, "{audited}");
}

#[test]
fn a_binding_changes_only_where_it_was_told_to() {
    let server = Server::start();
    server.register(&component(&server, "headers", "1.0.0"));
    server.ask(&["deploy", "--plugin", "headers", "--version", "1.0.0"]);
    let file = tenant(&server, "shop", "shop.example");
    server.ask(&["tenant", "set", "-f", &file.display().to_string()]);
    server.ask(&["tenant", "config", "shop", "headers", "--failure-policy", "open"]);
    let shown = server.ask(&["tenant", "show", "shop"]);
    let binding = &shown["plugins"][0];
    assert_eq!(binding["failurePolicy"], "open");
    assert_eq!(binding["config"]["version_header"], "x-headers-version", "what was not named was lost: {binding}");
    assert_eq!(binding["stickiness"]["header"], "x-user");

    server.ask(&["tenant", "disable", "shop", "headers"]);
    assert_eq!(server.ask(&["tenant", "show", "shop"])["plugins"][0]["enabled"], false);
    server.ask(&["tenant", "enable", "shop", "headers"]);
    server.ask(&["tenant", "pin", "shop", "headers", "1.0.0"]);
    server.ask(&["tenant", "unpin", "shop", "headers"]);
    server.command().args(["tenant", "remove", "shop", "headers"]).assert().code(0);
    assert_eq!(server.ask(&["tenant", "show", "shop"])["plugins"], serde_json::json!([]));
    server.command().args(["tenant", "delete", "shop"]).assert().code(0);
    server.command().args(["tenant", "show", "shop"]).assert().code(3);
}

#[test]
fn the_tenant_of_the_help_text_is_one() {
    let server = Server::start();
    server.register(&component(&server, "headers", "1.0.0"));
    server.ask(&["deploy", "--plugin", "headers", "--version", "1.0.0"]);
    let help = stdout(&server.command().args(["tenant", "set", "--help"]).assert().code(0));
    let example =
        help.lines().skip_while(|line| !line.trim().starts_with("id =")).take_while(|line| !line.trim().is_empty());
    let file = server.file("shop.toml", &example.collect::<Vec<_>>().join("\n"));
    let shown = server.ask(&["tenant", "set", "-f", &file.display().to_string()]);
    assert_eq!(shown["plugins"][0]["failurePolicy"], "open", "{shown}\n{help}");
}

#[test]
fn what_the_server_refuses_exits_3_with_every_reason() {
    let server = Server::start();
    let garbage = server.file("garbage.wasm", "not a filter");
    let assert = server.command().args(["plugin", "register"]).arg(&garbage).assert().code(3);
    assert!(stderr(&assert).contains("not a WebAssembly component"), "{}", stderr(&assert));

    let nonsense = server.file("bad.toml", "id = \"UP\"\nhosts = [\"a:80\", \"-b\"]\nupstreams = []\n");
    let told = stderr(&server.command().args(["tenant", "set", "-f"]).arg(&nonsense).assert().code(3));
    assert!(told.starts_with("error: could not set tenant UP"), "{told}");

    let upstream = "[[upstreams]]\nname = \"main\"\naddresses = [\"127.0.0.1:1\"]\n";
    let first = server.file("a.toml", &format!("id = \"a\"\nhosts = [\"same.example\"]\n{upstream}"));
    let second = server.file("b.toml", &format!("id = \"b\"\nhosts = [\"same.example\"]\n{upstream}"));
    server.ask(&["tenant", "set", "-f", &first.display().to_string()]);
    let told = stderr(&server.command().args(["tenant", "set", "-f"]).arg(&second).assert().code(3));
    assert!(told.contains("same.example"), "{told}");

    let told = stderr(&server.command().args(["--token", "swy_wrong", "status"]).assert().code(3));
    assert!(told.contains("hint: give a valid token"), "{told}");
    server.command().args(["rollback", "--name", "nothing"]).assert().code(3);
}

#[test]
fn a_token_works_until_it_is_revoked() {
    let server = Server::start();
    let made = server.ask(&["token", "create", "dashboard", "--role", "viewer"]);
    let (id, token) = (made["id"].as_str().expect("an id"), made["token"].as_str().expect("shown once"));
    server.command().args(["--token", token, "nodes"]).assert().code(0);
    let file = server.file("x.toml", "id = \"x\"\nhosts = []\nupstreams = []\n");
    server.command().args(["--token", token, "tenant", "set", "-f"]).arg(&file).assert().code(3);
    server.command().args(["token", "revoke", id]).assert().code(0);
    server.command().args(["--token", token, "nodes"]).assert().code(3);
}

#[test]
fn a_filter_is_built_and_inspected_without_a_server() {
    let folder = tempfile::tempdir().expect("temp folder");
    let file = folder.path().join("headers.wasm");
    let source = switchyard_filter_build::examples_dir().join("headers");
    let build =
        crate::switchyard().args(["filter", "build", "--version", "9.8.7", "-o"]).arg(&file).arg(&source).assert();
    assert!(stdout(&build.code(0)).starts_with("headers 9.8.7"));
    let inspected = crate::switchyard().args(["--json", "filter", "inspect"]).arg(&file).assert().code(0);
    let inspected: serde_json::Value = serde_json::from_str(&stdout(&inspected)).expect("JSON");
    assert_eq!((&inspected["name"], &inspected["version"]), (&"headers".into(), &"9.8.7".into()));
    std::fs::write(&file, "no component").expect("writable");
    crate::switchyard().args(["filter", "inspect"]).arg(&file).assert().code(3);
}
