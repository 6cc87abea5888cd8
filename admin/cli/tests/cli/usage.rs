//! Help, usage errors, and what is said when nobody answers.

use crate::{stderr, stdout, switchyard};

#[test]
fn help_names_every_command_and_exits_0() {
    let told = stdout(&switchyard().arg("--help").assert().code(0));
    for command in [
        "serve",
        "demo",
        "status",
        "nodes",
        "plugin",
        "tenant",
        "deploy",
        "swap",
        "rollback",
        "deployment",
        "audit",
        "explain",
        "token",
        "filter",
        "completions",
    ] {
        assert!(told.contains(&format!("\n  {command}")), "{command} is not in\n{told}");
    }
    assert!(!told.contains("__compile"), "the compiling process is nobody's command:\n{told}");
}

#[test]
fn every_command_explains_itself() {
    for command in ["serve", "demo", "status", "deploy", "swap", "rollback", "explain", "completions"] {
        switchyard().args([command, "--help"]).assert().code(0);
    }
    for group in ["plugin", "tenant", "deployment", "audit", "token", "filter"] {
        let told = stdout(&switchyard().args([group, "--help"]).assert().code(0));
        assert!(told.contains("Commands:"), "{group}:\n{told}");
    }
}

#[test]
fn wrong_usage_exits_2() {
    for arguments in [
        &["nonsense"][..],
        &["deploy", "--plugin", "a"],
        &["deploy", "--plugin", "a", "--version", "1.0.0", "--split", "1.0.0=100"],
        &["deploy", "--plugin", "a", "--split", "1.0.0=90"],
        &["deploy", "--plugin", "a", "--split", "one=100"],
        &["rollback"],
        &["rollback", "some-id", "--to-version", "1.0.0"],
        &["swap", "--name", "a", "--version", "1.0.0", "--strategy", "canary"],
        &["token", "create", "ci", "--role", "god"],
        &["--admin", "ftp://somewhere", "status"],
    ] {
        let told = stderr(&switchyard().args(arguments).assert().code(2));
        assert!(told.starts_with("error: "), "{arguments:?} said {told}");
    }
}

#[test]
fn without_a_server_it_fails_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("temp folder");
    let assert = switchyard().args(["--data-dir"]).arg(folder.path()).arg("status").assert().code(1);
    let told = stderr(&assert);
    assert!(
        told.contains("no server has left its address in") && told.contains("hint: start `switchyard serve`"),
        "{told}"
    );
    // Nothing listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let assert = switchyard().args(["--admin", &format!("http://{gone}"), "status"]).assert().code(1);
    assert!(stderr(&assert).contains("no answer from the admin API"), "{}", stderr(&assert));
}

#[test]
fn errors_are_one_line_of_json_for_programs() {
    let folder = tempfile::tempdir().expect("temp folder");
    let assert = switchyard().arg("--json").arg("--data-dir").arg(folder.path()).arg("nodes").assert().code(1);
    let told: serde_json::Value = serde_json::from_str(&stderr(&assert)).expect("JSON");
    assert_eq!((&told["error"], &told["tried"]), (&"failed".into(), &"find the admin API".into()));
}

#[test]
fn completions_are_a_script() {
    assert!(stdout(&switchyard().args(["completions", "bash"]).assert().code(0)).contains("complete -F _switchyard"));
}
