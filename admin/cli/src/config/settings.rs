//! The configuration as it is used: what is written, checked as a whole and turned into what each
//! part of the program takes.

use super::check::Check;
use super::written::{Written, default_node};
use super::{Config, refused};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use switchyard_admin::{AdminSettings, Environment};
use switchyard_contract::NodeId;
use switchyard_proxy::{AccessLog, CertificateFiles, EdgeSettings};
use switchyard_runtime::RuntimeSettings;
use tracing_subscriber::EnvFilter;

/// An hour: no limit in milliseconds makes sense beyond it.
const MS_MAX: u64 = 3_600_000;

/// Everything a server needs.
pub struct Settings {
    pub data_dir: DataDir,
    pub admin: AdminSettings,
    pub edge: EdgeSettings,
    pub runtime: RuntimeSettings,
    log: String,
    pub log_lines_buffered_max: usize,
}

impl Settings {
    /// What is logged.
    pub fn log(&self) -> EnvFilter {
        // Checked when the settings were made.
        EnvFilter::try_new(&self.log).unwrap_or_default()
    }
}

impl Config {
    /// `data_dir` wins over the file's. Errors name every value that makes no sense.
    pub fn settings(&self, data_dir: Option<&Path>) -> Result<Settings, Failure> {
        let mut check = Check::new(&self.lines);
        let data_dir = DataDir::new(data_dir.unwrap_or(&self.written.node.data_dir));
        let admin = admin(&self.written, data_dir.path(), &mut check);
        let edge = edge(&self.written, data_dir.path(), &mut check);
        let runtime = runtime(&self.written, data_dir.path(), &mut check);
        let telemetry = &self.written.telemetry;
        let log = telemetry.log.clone();
        if let Err(error) = EnvFilter::try_new(&log) {
            check.fault(
                "telemetry.log",
                format_args!("is {log:?}: {error}; levels by module would do, such as \"info\""),
            );
        }
        let log_lines_buffered_max =
            check.within("telemetry.log_lines_buffered_max", telemetry.log_lines_buffered_max, 16..=1 << 24);
        match (admin, runtime) {
            (Some(admin), Some(runtime)) if check.faults.is_empty() => {
                Ok(Settings { data_dir, admin, edge, runtime, log, log_lines_buffered_max })
            }
            _ => {
                check.faults.sort_by_key(|fault| fault.line);
                Err(refused(&self.path, &check.faults))
            }
        }
    }
}

fn admin(written: &Written, data_dir: &Path, check: &mut Check<'_>) -> Option<AdminSettings> {
    let listen = check.listen("admin.listen", &written.admin.listen);
    if written.admin.listen.is_empty() {
        check.fault("admin.listen", "is empty; without the admin API nothing can be deployed");
    }
    let store = check.place("store.url", &written.store.url, "sqlite:", data_dir);
    let artifacts_dir = check.place("artifacts.url", &written.artifacts.url, "file:", data_dir);
    let environment = environment(&written.node.environment, check);
    Some(AdminSettings {
        listen: listen?,
        store: store?,
        artifacts_dir: artifacts_dir?,
        artifact_bytes_max: written.artifacts.bytes_max,
        environment: environment?,
        data_dir: data_dir.to_owned(),
    })
}

fn environment(written: &str, check: &mut Check<'_>) -> Option<Environment> {
    let known = [Environment::Development, Environment::QA, Environment::Staging, Environment::Production];
    let found = known.into_iter().find(|environment| format!("{environment:?}") == written);
    if found.is_none() {
        check.fault(
            "node.environment",
            format_args!("is {written:?}; known are Development, QA, Staging and Production"),
        );
    }
    found
}

fn edge(written: &Written, data_dir: &Path, check: &mut Check<'_>) -> EdgeSettings {
    let (node, edge, telemetry) = (&written.node, &written.edge, &written.telemetry);
    let name = node.name.parse::<NodeId>().unwrap_or_else(|error| {
        check.fault("node.name", format_args!("is refused: {error}"));
        // Nothing starts; the other values are still looked at.
        default_node()
    });
    let http = check.listen("edge.http", &edge.http);
    let https = check.listen("edge.https", &edge.https).filter(|_| !edge.certificates.is_empty());
    let certificates =
        edge.certificates.iter().map(|pem| CertificateFiles { chain: pem.chain.clone(), key: pem.key.clone() });
    let defaults = EdgeSettings::new(name, data_dir.to_owned());
    EdgeSettings {
        http,
        https,
        certificates: certificates.collect(),
        certificate_poll_ms: check.within("edge.certificate_poll_ms", edge.certificate_poll_ms, 100..=MS_MAX),
        workers: check.within("edge.workers", edge.workers, 0..=1_024),
        connections_max: check.within("edge.connections_max", edge.connections_max, 1..=10_000_000),
        header_deadline_ms: check.within("edge.header_deadline_ms", edge.header_deadline_ms, 10..=MS_MAX),
        header_bytes_max: check.within("edge.header_bytes_max", edge.header_bytes_max, 1_024..=1 << 20),
        headers_max: check.within("edge.headers_max", edge.headers_max, 1..=256),
        keepalive_s: check.within("edge.keepalive_s", edge.keepalive_s, 1..=86_400),
        body_idle_ms: check.within("edge.body_idle_ms", edge.body_idle_ms, 10..=MS_MAX),
        drain_timeout_ms: check.within("edge.drain_timeout_ms", edge.drain_timeout_ms, 0..=MS_MAX),
        version_drain_timeout_ms: check.within(
            "node.version_drain_timeout_ms",
            node.version_drain_timeout_ms,
            0..=MS_MAX,
        ),
        keep_previous: node.keep_previous,
        access_log: access_log(&telemetry.access_log),
        metrics_tenants_max: check.within("telemetry.metrics_tenants_max", telemetry.metrics_tenants_max, 1..=100_000),
        resolve_interval_ms: check.within("edge.resolve_interval_ms", edge.resolve_interval_ms, 100..=MS_MAX),
        upstream_idle_max: check.within("edge.upstream_idle_max", edge.upstream_idle_max, 0..=1_000_000),
        report_interval_ms: check.within("node.report_interval_ms", node.report_interval_ms, 10..=MS_MAX),
        ..defaults
    }
}

fn access_log(written: &str) -> AccessLog {
    match written {
        "" | "off" => AccessLog::Off,
        "stderr" => AccessLog::Stderr,
        path => AccessLog::File(PathBuf::from(path)),
    }
}

fn runtime(written: &Written, data_dir: &Path, check: &mut Check<'_>) -> Option<RuntimeSettings> {
    let filters = &written.filters;
    let known = RuntimeSettings::new(PathBuf::new(), Vec::new()).grants;
    for grant in filters.grants.iter().filter(|grant| !known.contains(grant)) {
        check.fault("filters.grants", format_args!("has {grant:?}; this node has {}", known.join(", ")));
    }
    let compiler =
        compiler().map_err(|error| check.fault("filters", format_args!("cannot be compiled: {error}"))).ok()?;
    let memory_mib = 1..=4_096;
    Some(RuntimeSettings {
        cache_bytes_max: check.mebibytes("filters.cache_mib_max", filters.cache_mib_max, 1..=1 << 20),
        compile_cpu_s_max: check.within("filters.compile_cpu_s_max", filters.compile_cpu_s_max, 1..=3_600),
        compile_memory_bytes_max: check.mebibytes(
            "filters.compile_memory_mib_max",
            filters.compile_memory_mib_max,
            256..=1 << 20,
        ),
        compile_wall_s_max: check.within("filters.compile_wall_s_max", filters.compile_wall_s_max, 1..=3_600),
        artifact_bytes_max: check.within("artifacts.bytes_max", written.artifacts.bytes_max, 1_024..=1 << 30),
        deadline_ms: check.within("filters.deadline_ms", filters.deadline_ms, 1..=10_000),
        configure_deadline_ms: check.within("filters.configure_deadline_ms", filters.configure_deadline_ms, 1..=60_000),
        memory_bytes_max: check.mebibytes("filters.memory_mib_max", filters.memory_mib_max, memory_mib),
        host_calls_max: check.within("filters.host_calls_max", filters.host_calls_max, 0..=1_000_000),
        log_lines_max: check.within("filters.log_lines_max", filters.log_lines_max, 0..=10_000),
        instances_max: check.within("filters.instances_max", filters.instances_max, 1..=1_000_000),
        grants: filters.grants.clone(),
        reused_exchanges_max: check.within("filters.reused_exchanges_max", filters.reused_exchanges_max, 1..=u64::MAX),
        reused_age_s_max: check.within("filters.reused_age_s_max", filters.reused_age_s_max, 1..=31_536_000),
        reused_instances_max: check.within("filters.reused_instances_max", filters.reused_instances_max, 1..=10_000),
        ..RuntimeSettings::new(data_dir.join("modules"), compiler)
    })
}

/// This program, as the limited process that compiles. Absolute: the child has no environment.
fn compiler() -> Result<Vec<String>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = program.to_str().ok_or("the path of this program is not UTF-8")?;
    Ok(vec![program.to_owned(), crate::arguments::COMPILE.to_owned()])
}
