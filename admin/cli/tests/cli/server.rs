//! A server of a test's own: fresh data folder, free ports, gone when the test is.

use crate::switchyard;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a debug build on a busy machine; a test never waits it out when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder and the server that runs on it, if one does.
pub struct Server {
    folder: TempDir,
    running: Option<Running>,
}

struct Running {
    child: Child,
    http: SocketAddr,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let config = "[edge]\nhttp = \"127.0.0.1:0\"\nhttps = \"\"\ndrain_timeout_ms = 20_000\n\
            [admin]\nlisten = \"127.0.0.1:0\"\n[filters]\ninstances_max = 200\n[telemetry]\naccess_log = \"off\"\n";
        fs::write(folder.path().join("switchyard.toml"), config).expect("writable");
        let mut server = Self { folder, running: None };
        server.start_again();
        server
    }

    /// On the same data folder.
    pub fn start_again(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).expect("writable");
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("switchyard"))
            .args(["--json", "--data-dir"])
            .arg(self.data_dir())
            .args(["serve", "--config"])
            .arg(self.config())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut told = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut told).expect("readable");
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("it said {told:?}\n{}", self.log()));
        let http = told["http"].as_str().and_then(|http| http.parse().ok()).expect("an address");
        self.running = Some(Running { child, http });
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("switchyard.toml")
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("writable");
        path
    }

    /// What the server wrote to stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn http(&self) -> SocketAddr {
        self.running.as_ref().expect("it runs").http
    }

    /// A client command that finds this server through its data folder.
    pub fn command(&self) -> assert_cmd::Command {
        let mut command = switchyard();
        command.arg("--data-dir").arg(self.data_dir());
        command
    }

    /// A client command that must succeed; its answer.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.command().arg("--json").args(arguments).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} said {told}\n{}", self.log());
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    pub fn register(&self, component: &Path) {
        self.ask(&["plugin", "register", &component.display().to_string()]);
    }

    pub fn signal(&self, signal: Signal) {
        let child = &self.running.as_ref().expect("it runs").child;
        let pid = Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it is ours");
    }

    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Until the process is over.
    pub fn wait(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("it runs");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = running.child.try_wait().expect("our child") {
                return status;
            }
            if Instant::now() > until {
                _ = running.child.kill();
                panic!("the server does not end\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            _ = running.child.kill();
            _ = running.child.wait();
        }
    }
}
