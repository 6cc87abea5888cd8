//! What `cargo metadata` says about a workspace: packages, licences, and what reaches what.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Dependencies of other platforms are not ours: they are neither built nor shipped.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

pub struct Workspace {
    pub packages: Vec<Package>,
    /// Package id -> ids of its normal dependencies.
    normal: BTreeMap<String, Vec<String>>,
}

pub struct Package {
    id: String,
    pub name: String,
    pub version: String,
    /// SPDX expression.
    pub licence: Option<String>,
    /// Neither from a registry nor from git.
    pub is_ours: bool,
}

impl Workspace {
    pub fn of(manifest: &Path) -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--filter-platform", PLATFORM, "--manifest-path"])
            .arg(manifest)
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let packages = list(&metadata["packages"]).iter().map(Package::read).collect();
        let normal = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| (text(&node["id"]), list(&node["deps"]).iter().filter_map(normal_dependency).collect()))
            .collect();
        Self { packages, normal }
    }

    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_ours)
    }

    /// Everything linked into what `package` becomes part of, itself left out; tests and build scripts do not count.
    pub fn reached_from(&self, package: &Package) -> Vec<&Package> {
        let mut seen = BTreeSet::new();
        let mut open = vec![&package.id];
        while let Some(id) = open.pop() {
            open.extend(self.normal[id].iter().filter(|dependency| seen.insert(*dependency)));
        }
        self.packages.iter().filter(|candidate| seen.contains(&candidate.id)).collect()
    }
}

impl Package {
    fn read(package: &Value) -> Self {
        Self {
            id: text(&package["id"]),
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: package["license"].as_str().map(str::to_owned),
            is_ours: package["source"].is_null(),
        }
    }
}

fn normal_dependency(dependency: &Value) -> Option<String> {
    let is_normal = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    is_normal.then(|| text(&dependency["pkg"]))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list in cargo's metadata")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string in cargo's metadata").to_owned()
}
