//! Every dependency is under a licence that lets an Apache-2.0 product be shipped with it.

use crate::metadata::Workspace;
use crate::root;
use spdx::{Expression, ParseMode};

/// Permissive licences: use, change and ship, with the notice kept.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn every_dependency_is_under_an_allowed_licence() {
    let mut offending = Vec::new();
    for manifest in ["Cargo.toml", "filters-sdk/Cargo.toml"] {
        for package in Workspace::of(&root().join(manifest)).packages {
            let licence = package.licence.unwrap_or_default();
            if !is_allowed(&licence) {
                offending.push(format!("{} {}: {licence:?}", package.name, package.version));
            }
        }
    }
    assert!(offending.is_empty(), "not under an allowed licence:\n{}", offending.join("\n"));
}

/// Whether some way of choosing among the alternatives leaves only allowed licences. An exception to an allowed licence
/// (`WITH`) only adds permissions.
fn is_allowed(licence: &str) -> bool {
    Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|expression| {
        expression.evaluate(|requirement| requirement.license.id().is_some_and(|id| ALLOWED.contains(&id.name)))
    })
}

#[test]
fn a_copyleft_licence_is_refused_unless_there_is_an_alternative() {
    for (licence, allowed) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only OR MIT", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("", false),
        ("LicenseRef-ours", false),
    ] {
        assert_eq!(is_allowed(licence), allowed, "{licence}");
    }
}
