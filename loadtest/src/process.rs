//! A program started for a measurement: waited for until it listens, its log kept, ended with everything it started.

use crate::machine;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const START_PATIENCE: Duration = Duration::from_secs(20);
const STOP_PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot start {name}")]
    Start { name: String, source: io::Error },
    #[error("{name} ended with {status} before it listened on {address}; it said:\n{said}")]
    Ended { name: String, status: ExitStatus, address: SocketAddr, said: String },
    #[error("{name} does not listen on {address} after {} s; it said:\n{said}", START_PATIENCE.as_secs())]
    Silent { name: String, address: SocketAddr, said: String },
}

impl Process {
    /// Starts the command with its output in `folder` and waits until it listens on `address`.
    pub fn start(name: &str, mut command: Command, folder: &Path, address: SocketAddr) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start { name: name.to_owned(), source };
        let log = folder.join("output.log");
        let output = File::create(&log).map_err(failed)?;
        command.stdin(Stdio::null()).stdout(output.try_clone().map_err(failed)?).stderr(output);
        // A group of its own: Ctrl-C is for us, and ending the group ends what the program started.
        command.process_group(0);
        let child = command.spawn().map_err(failed)?;
        let mut process = Self { name: name.to_owned(), child, log };
        process.wait_until_listening(address)?;
        Ok(process)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu_ns(&self) -> io::Result<u64> {
        machine::cpu_ns(self.pid())
    }

    /// Why it is gone, if it is.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    fn wait_until_listening(&mut self, address: SocketAddr) -> Result<(), ProcessError> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return Err(ProcessError::Ended { name: self.name.clone(), status, address, said: self.said() });
            }
            if TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(ProcessError::Silent { name: self.name.clone(), address, said: self.said() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of what it printed.
    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn signal_all(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            // It may be gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal_all(Signal::TERM);
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal_all(Signal::KILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_at_once_is_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such option; exit 3"]);
        let address = ([127, 0, 0, 1], machine::free_port().expect("a port")).into();
        let error = Process::start("a proxy", command, folder.path(), address).expect_err("it ended").to_string();
        assert!(error.contains("a proxy ended") && error.contains("no such option"), "{error}");
    }

    #[test]
    fn dropping_ends_what_the_program_started_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $! > grandchild; wait"]).current_dir(folder.path());
        let address = listener.local_addr().expect("bound");
        let process = Process::start("a shell", command, folder.path(), address).expect("it runs");
        let written = || fs::read_to_string(folder.path().join("grandchild")).unwrap_or_default();
        while written().trim().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let grandchild = written().trim().to_owned();
        drop(process);
        let gone = || {
            let state = fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !gone() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(gone(), "{grandchild} lives on");
    }
}
