//! The demo's filters: built from source, here and now, in the versions the story needs.

use super::narrate::Narrator;
use crate::failure::Failure;
use switchyard_contract::Version;
use switchyard_filter_build::{example_version, examples_dir};

/// Components ready to be uploaded.
pub struct Built {
    /// Rewrites headers; two good releases.
    pub headers: [Vec<u8>; 2],
    /// Does what its configuration says; the second release is the bad one.
    pub bad: [Vec<u8>; 2],
}

/// The first run compiles the SDK; later ones take a second.
pub async fn build(narrator: &mut Narrator) -> Result<Built, Failure> {
    narrator.step("Build filters from source")?;
    let started = std::time::Instant::now();
    let build = tokio::task::spawn_blocking(|| -> Result<Built, Failure> {
        let component = |name: &str, version: &str| {
            let tried = format!("build the example filter {name} {version}");
            let version: Version = version.parse().map_err(|error| Failure::failed(&tried, error))?;
            example_version(name, &version).map_err(|error| Failure::from_chain(&tried, &error))
        };
        let headers = [component("headers", "1.0.0")?, component("headers", "1.1.0")?];
        Ok(Built { headers, bad: [component("bad", "1.0.0")?, component("bad", "1.1.0")?] })
    });
    let built = build.await.map_err(|error| Failure::failed("build the example filters", error))??;
    let sizes = built.headers.iter().chain(&built.bad).map(|component| format!("{} KB", component.len() / 1_000));
    narrator.say(format!("from {}", examples_dir().display()))?;
    narrator.say(format!(
        "headers 1.0.0, headers 1.1.0, bad 1.0.0, bad 1.1.0: {} in {:.1} s",
        sizes.collect::<Vec<_>>().join(", "),
        started.elapsed().as_secs_f64()
    ))?;
    Ok(built)
}
