//! Compiling in a separate process with limits on CPU, memory and time: compile-time denial of
//! service is outside wasmtime's security policy, so it must be inside ours.
//!
//! The parent writes the component to the child's standard input and reads machine code from its
//! standard output. What comes back is trusted as far as the compiler is; it is authenticated
//! before it is stored (`cache`).

use crate::engine::CodeSettings;
use crate::fault::LoadError;
use crate::settings::RuntimeSettings;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Machine code may be this many times larger than its wasm.
const EXPANSION_MAX: u64 = 64;
const STDERR_BYTES_MAX: u64 = 16 << 10;
const POLL: Duration = Duration::from_millis(2);

/// The child's one argument, as JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Job {
    code: CodeSettings,
    cpu_s_max: u64,
    memory_bytes_max: u64,
}

/// The whole program of the compiling process: limits itself, then reads, compiles and writes.
/// Exit code 0 with code on standard output, or 1 with the reason on standard error.
pub fn child_main(job: &str) -> std::process::ExitCode {
    match child(job) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn child(job: &str) -> Result<(), String> {
    let job: Job = serde_json::from_str(job).map_err(|error| format!("the job is not understood: {error}"))?;
    let limit = |resource, max: u64| {
        let both = Rlimit { current: Some(max), maximum: Some(max) };
        setrlimit(resource, both).map_err(|error| format!("the limit could not be set: {error}"))
    };
    limit(Resource::Cpu, job.cpu_s_max)?;
    limit(Resource::As, job.memory_bytes_max)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    let engine = job.code.compiling_engine().map_err(|error| format!("{error:#}"))?;
    let mut wasm = Vec::new();
    std::io::stdin().lock().read_to_end(&mut wasm).map_err(|error| format!("reading the component: {error}"))?;
    let code = engine.precompile_component(&wasm).map_err(|error| format!("{error:#}"))?;
    let mut out = std::io::stdout().lock();
    out.write_all(&code).and_then(|()| out.flush()).map_err(|error| format!("writing the code: {error}"))
}

/// Runs the limited process. Blocks until it is done or killed.
pub(crate) fn compile(settings: &RuntimeSettings, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let failed = |what: &str, error: std::io::Error| LoadError::Compile(format!("{what}: {error}"));
    let mut child = spawn(settings).map_err(|error| failed("starting the compiling process", error))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(LoadError::Compile("the compiling process has no pipes".into()));
    };
    let code_bytes_max = (wasm.len() as u64).saturating_mul(EXPANSION_MAX).max(1 << 20);
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut stdin = stdin;
            // A child that ends early closes the pipe; its exit says why.
            let _closed_early = stdin.write_all(wasm);
        });
        let reader = scope.spawn(move || read_at_most(stdout, code_bytes_max));
        let errors = scope.spawn(move || read_at_most(stderr, STDERR_BYTES_MAX));
        let status = wait(&mut child, Duration::from_secs(settings.compile_wall_s_max));
        let _ = writer.join();
        let code = reader.join().unwrap_or_default();
        let reason = errors.join().unwrap_or_default();
        let status = status.map_err(|error| failed("waiting for the compiling process", error))?;
        outcome(settings, status, code, &reason)
    })
}

fn spawn(settings: &RuntimeSettings) -> std::io::Result<Child> {
    let job = Job {
        code: CodeSettings::of(settings),
        cpu_s_max: settings.compile_cpu_s_max,
        memory_bytes_max: settings.compile_memory_bytes_max,
    };
    let mut words = settings.compiler.iter();
    let program = words.next().ok_or_else(|| std::io::Error::other("no compiler is configured"))?;
    Command::new(program)
        .args(words)
        .arg(serde_json::to_string(&job)?)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// What is over the limit stays unread: the child then fails or is killed.
fn read_at_most(pipe: impl Read, bytes_max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _cut_off = pipe.take(bytes_max).read_to_end(&mut bytes);
    bytes
}

/// `None`: it was killed because its time was over.
fn wait(child: &mut Child, wall_max: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > wall_max {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

fn outcome(
    settings: &RuntimeSettings,
    status: Option<ExitStatus>,
    code: Vec<u8>,
    stderr: &[u8],
) -> Result<Vec<u8>, LoadError> {
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    let Some(status) = status else {
        return Err(LoadError::CompileLimit { what: "time", seconds: settings.compile_wall_s_max });
    };
    if status.success() {
        return Ok(code);
    }
    if matches!(status.signal(), Some(SIGXCPU | SIGKILL)) {
        return Err(LoadError::CompileLimit { what: "CPU time", seconds: settings.compile_cpu_s_max });
    }
    let reason = String::from_utf8_lossy(stderr);
    let reason = reason.trim();
    let reason = if reason.is_empty() { "no reason was given" } else { reason };
    Err(LoadError::Compile(format!("{reason} ({status})")))
}
