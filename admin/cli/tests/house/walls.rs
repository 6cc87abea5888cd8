//! Who may depend on whom. The compiler keeps the walls between packages; this keeps the doors shut.

use crate::metadata::Workspace;
use crate::root;

/// Every package of ours, and which of ours it may reach, directly or not. What is missing here fails: a new package
/// has to be given its place.
const MAY_REACH: &[(&str, &[&str])] = &[
    ("switchyard-contract", &[]),
    ("switchyard-runtime", &["switchyard-contract"]),
    ("switchyard-proxy", &["switchyard-contract", "switchyard-runtime"]),
    ("switchyard-domain", &["switchyard-contract"]),
    (
        "switchyard-admin",
        &["switchyard-contract", "switchyard-domain", "switchyard-runtime", "switchyard-filter-manifest"],
    ),
    ("switchyard-filter-manifest", &["switchyard-contract"]),
    ("switchyard-filter-build", &["switchyard-contract", "switchyard-filter-manifest"]),
    ("switchyard-filter-test", &["switchyard-contract", "switchyard-runtime"]),
    (
        "switchyard",
        &[
            "switchyard-admin",
            "switchyard-contract",
            "switchyard-domain",
            "switchyard-filter-build",
            "switchyard-filter-manifest",
            "switchyard-proxy",
            "switchyard-runtime",
        ],
    ),
    // It measures Switchyard as anybody could: through its public interfaces.
    ("switchyard-loadtest", &[]),
];

/// Packages of ours that must stay clear of crates whose name begins so, and why.
const MUST_NOT_REACH: &[(&str, &[&str], &str)] = &[
    ("switchyard-contract", IO, "the types that cross between the planes do no I/O"),
    ("switchyard-domain", IO, "the rules are pure: no clock, no database, no async"),
    ("switchyard-runtime", &["pingora", "hyper", "sqlx", "axum"], "a filter host knows no sockets and no proxies"),
    ("switchyard-proxy", &["sqlx", "axum"], "a request never waits for the control plane"),
    ("switchyard-admin", &["pingora"], "the control plane forwards no requests"),
];

const IO: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "hyper",
    "reqwest",
    "axum",
    "sqlx",
    "rusqlite",
    "wasmtime",
    "pingora",
    "socket2",
];

/// Crates that would bring a second TLS stack or a second SQLite.
const NOWHERE: &[&str] = &["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "rusqlite", "serde_yml"];

#[test]
fn no_package_of_ours_reaches_one_it_may_not() {
    let workspace = Workspace::of(&root().join("Cargo.toml"));
    for package in workspace.ours() {
        let (_, allowed) = MAY_REACH
            .iter()
            .find(|(name, _)| *name == package.name)
            .unwrap_or_else(|| panic!("{} has no place in MAY_REACH: say which of ours it may reach", package.name));
        for reached in workspace.reached_from(package).iter().filter(|reached| reached.is_ours) {
            assert!(allowed.contains(&reached.name.as_str()), "{} must not depend on {}", package.name, reached.name);
        }
    }
}

#[test]
fn no_package_of_ours_reaches_a_crate_that_is_not_for_it() {
    let workspace = Workspace::of(&root().join("Cargo.toml"));
    for (name, forbidden, why) in MUST_NOT_REACH {
        let package = workspace.ours().find(|package| package.name == *name).expect("a package of MUST_NOT_REACH");
        for reached in workspace.reached_from(package) {
            let offends = forbidden.iter().any(|prefix| is_family(&reached.name, prefix));
            assert!(!offends, "{name} must not reach {}: {why}", reached.name);
        }
    }
}

#[test]
fn one_tls_stack_and_one_sqlite() {
    let workspace = Workspace::of(&root().join("Cargo.toml"));
    let found: Vec<_> = workspace.packages.iter().filter(|package| NOWHERE.contains(&package.name.as_str())).collect();
    assert!(found.is_empty(), "{:?}", found.iter().map(|package| &package.name).collect::<Vec<_>>());
}

/// What filter authors compile into their filters must not drag the host along.
#[test]
fn the_guest_side_depends_on_nothing_of_the_host() {
    let guests = Workspace::of(&root().join("filters-sdk/Cargo.toml"));
    let host: Vec<_> = MAY_REACH.iter().map(|(name, _)| *name).collect();
    for package in guests.ours() {
        assert!(!host.contains(&package.name.as_str()), "the guest workspace reaches {}", package.name);
    }
    let sdk = guests.ours().find(|package| package.name == "switchyard-filter").expect("the SDK's guest crate");
    let reached: Vec<_> = guests.reached_from(sdk).into_iter().filter(|reached| reached.is_ours).collect();
    for package in reached {
        assert_eq!(package.name, "switchyard-filter-macros");
    }
}

/// `tokio` stands for `tokio` and `tokio-util`, not for `tokiotest`.
fn is_family(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
