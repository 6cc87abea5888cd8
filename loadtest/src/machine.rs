//! The machine underneath: which core runs what, CPU time and memory of processes, free ports, open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Who runs where: the proxy under test has a core to itself, the load and the origin share another one. On a machine
/// with one core nothing is pinned, and figures mean little.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    proxy: Option<usize>,
    load: Option<usize>,
}

impl Cores {
    /// The first core this process may use for proxies, the last for load.
    pub fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (first, last) = (cores.next(), cores.next_back());
        Ok(if last.is_some() { Self { proxy: first, load: last } } else { Self { proxy: None, load: None } })
    }

    pub fn are_apart(self) -> bool {
        self.load.is_some()
    }

    /// Pins the calling thread, and all it starts from now on, to the core of the load.
    pub fn pin_load(self) -> io::Result<()> {
        let Some(core) = self.load else { return Ok(()) };
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }

    pub fn proxy_command(self, program: &Path) -> Command {
        pinned(program, self.proxy)
    }

    pub fn load_command(self, program: &Path) -> Command {
        pinned(program, self.load)
    }
}

/// `taskset` becomes the program, so the process id is the program's.
fn pinned(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Nanoseconds on a core, of a process and all its descendants, over all threads that live: the scheduler's own account,
/// finer than user and system time in clock ticks.
pub fn cpu_ns(pid: u32) -> io::Result<u64> {
    let mut total = 0;
    for process in family(pid)? {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            // A thread that just ended takes its time along; the next reading will lack it too.
            let Ok(schedstat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            total += schedstat.split(' ').next().and_then(|on_cpu| on_cpu.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(total)
}

/// Resident bytes of a process and all its descendants.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    family(pid)?.into_iter().map(|process| status_kib(process, "VmRSS:").map(|kib| kib * 1024)).sum()
}

/// The most that was ever resident in the process itself.
pub fn peak_resident_bytes(pid: u32) -> io::Result<u64> {
    status_kib(pid, "VmHWM:").map(|kib| kib * 1024)
}

fn status_kib(pid: u32, key: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0))
}

/// The process and its descendants that live.
fn family(pid: u32) -> io::Result<Vec<u32>> {
    let mut children = BTreeMap::<u32, Vec<u32>>::new();
    for entry in fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // "pid (name) state parent ...": the name may hold spaces and parentheses.
        let parent =
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).and_then(|pid| pid.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(process);
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(process).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// A port nobody listens on now. Someone may take it before it is used; then the program that wanted it says so.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// As many open files as the system lets us have, for us and all we start.
pub fn raise_open_files() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// One line on what was measured on.
pub fn describe() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = processor.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, {model}, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn cpu_time_of_a_child_that_computes_grows_and_counts_for_its_parent() {
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a shell");
        let began = Instant::now();
        let grew = || cpu_ns(child.id()).expect("its account") > 20_000_000;
        while !grew() && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let of_child = cpu_ns(child.id()).expect("its account");
        let of_all = cpu_ns(std::process::id()).expect("our account");
        let resident = resident_bytes(child.id()).expect("its memory");
        child.kill().expect("it was running");
        child.wait().expect("it ended");
        assert!(of_child > 20_000_000, "{of_child} ns");
        assert!(of_all > of_child, "{of_all} ns with its child, {of_child} ns the child alone");
        assert!(resident > 100_000, "{resident} bytes");
    }
}
