//! The demo, in its short form: the main job from end to end.

use crate::switchyard;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_demo_fails_no_request_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("temp folder");
    let output = switchyard().args(["demo", "--quick"]).env("TMPDIR", folder.path()).output().expect("it runs");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}\n{errors}");
    let last = told.lines().last().unwrap_or_default();
    assert!(last.starts_with("failed requests: 0 of "), "{told}");
    assert!(!told.contains('\u{1b}'), "colours where nobody sees them:\n{told}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0, "it left something behind");
}

#[test]
fn ctrl_c_in_the_middle_stops_cleanly() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("switchyard"))
        .args(["demo", "--quick"])
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let begun = lines.by_ref().map_while(Result::ok).any(|line| line.contains("connections ask without a pause"));
    assert!(begun, "traffic never began");
    let pid = Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("it is ours");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let output = child.wait_with_output().expect("our child");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{rest:?}\n{errors}");
    assert!(errors.contains("told to stop"), "{errors}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0, "it left something behind");
}
