//! The examples build into components that are what they say.

use std::path::PathBuf;
use switchyard_filter_build::{Build, BuildError, NO_RUSTUP_TARGET, Toolchain};
use switchyard_filter_build::{example, example_version, examples_dir, inspect};

/// Every Rust example: folders with a `Cargo.toml`.
fn rust_examples() -> Vec<String> {
    let folders = std::fs::read_dir(examples_dir()).expect("examples are here");
    let folders = folders.map(|entry| entry.expect("readable").path()).filter(|path| path.join("Cargo.toml").is_file());
    let mut names: Vec<String> =
        folders.map(|path| path.file_name().expect("named").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Where the examples are built too: what is compiled there, the standard library perhaps, serves
/// again.
fn target_dir() -> PathBuf {
    let toolchain = Toolchain::find().expect("a toolchain");
    let name = if toolchain == Toolchain::Installed { "filters" } else { "filters-debian" };
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name(name)
}

#[test]
fn every_example_builds_and_is_laid_out_for_fresh_instances() {
    let names = rust_examples();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let component = example(&name).expect("it builds");
        let inspection = inspect(&component).expect("it is a filter");
        println!("{inspection}");
        assert_eq!(inspection.manifest.name.as_str(), name);
        assert_eq!(inspection.warnings, [""; 0], "{name}");
        assert_eq!(inspection.layout.stack_bytes, Some(16 << 10), "{name}");
        assert!(inspection.layout.memory_pages <= 2, "{name}: {} pages", inspection.layout.memory_pages);
    }
}

#[test]
fn imports_are_what_is_used() {
    let imports = |name| inspect(&example(name).expect("it builds")).expect("it is a filter").imports;
    assert_eq!(imports("bench"), ["switchyard:filter/types@0.1.0"]);
    let request_id = imports("request-id");
    assert!(request_id.iter().any(|import| import.contains("/clock@")), "{request_id:?}");
    assert!(!request_id.iter().any(|import| import.contains("/log@")), "{request_id:?}");
}

/// The contract is not Rust's alone.
#[test]
fn the_c_example_builds() {
    let component = match example("c-headers") {
        // Where clang or wasm-ld is missing the error says what to install, and there is nothing to build.
        Err(BuildError::Toolchain(what)) => return assert!(what.contains("clang lld-19"), "{what}"),
        built => built.expect("it builds"),
    };
    let inspection = inspect(&component).expect("it is a filter");
    println!("{inspection}");
    assert_eq!(inspection.imports, ["switchyard:filter/types@0.1.0"]);
    assert_eq!(inspection.warnings, [""; 0]);
    assert_eq!(inspection.layout.memory_pages, 2);
}

#[test]
fn a_build_as_another_version_says_so_everywhere() {
    let version = "1.1.0-rc.1".parse().expect("a version");
    let (as_written, other) =
        (example("headers").expect("builds"), example_version("headers", &version).expect("builds"));
    let (as_written, inspection) = (inspect(&as_written).expect("a filter"), inspect(&other).expect("a filter"));
    assert_eq!(as_written.manifest.version.as_str(), "1.0.0");
    assert_eq!(inspection.manifest.version, version);
    assert_ne!(as_written.digest, inspection.digest);
    let in_code = other.windows(10).filter(|window| window == b"1.1.0-rc.1").count();
    assert!(in_code >= 2, "once in the manifest, once in the code: {in_code}");
}

/// At once, as tests in several processes do: each gets the version it asked for.
#[test]
fn builds_of_two_versions_do_not_mix() {
    let target_dir = target_dir();
    let build = |version: &str| {
        let build = Build::new(examples_dir().join("headers")).target_dir(&target_dir);
        build.version(version.parse().expect("a version")).run().expect("it builds").component
    };
    let holds = |component: &[u8], text: &str| component.windows(text.len()).any(|window| window == text.as_bytes());
    std::thread::scope(|scope| {
        let builds = ["7.0.1", "7.0.2"].map(|version| (version, scope.spawn(move || build(version))));
        let [one, two] = builds.map(|(version, thread)| (version, thread.join().expect("built")));
        assert!(holds(&one.1, one.0) && !holds(&one.1, two.0));
        assert!(holds(&two.1, two.0) && !holds(&two.1, one.0));
        assert_eq!(build(one.0), one.1, "the same source gives the same bytes");
    });
}

#[test]
fn what_is_no_filter_is_refused_with_reasons() {
    let folder = tempfile::tempdir().expect("a folder");
    let build = || Build::new(folder.path()).target_dir(target_dir()).run().expect_err("refused");
    assert!(matches!(build(), BuildError::File { .. }));
    let manifest: PathBuf = folder.path().join("filter.toml");
    std::fs::write(&manifest, "name = 1").expect("written");
    let error = build().to_string();
    assert!(error.contains("filter.toml") && error.contains("version: missing"), "{error}");
    std::fs::copy(examples_dir().join("bench/filter.toml"), &manifest).expect("copied");
    assert!(matches!(build(), BuildError::NotAFilter { .. }));
    std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"x\"\n").expect("written");
    std::fs::create_dir(folder.path().join("src")).expect("made");
    std::fs::write(folder.path().join("src/lib.rs"), "fn f() -> u8 { \"\" }").expect("written");
    let error = build().to_string();
    assert!(error.contains("mismatched types"), "{error}");
    std::fs::write(folder.path().join("src/lib.rs"), "").expect("written");
    let error = build().to_string();
    assert!(error.contains("handler@0.1.0 is not exported"), "{error}");
}

/// Under the switch every test of this file builds the other way.
#[test]
fn the_switch_chooses_debians_toolchain() {
    let pretend_missing = std::env::var_os(NO_RUSTUP_TARGET).is_some_and(|value| !value.is_empty() && value != "0");
    match Toolchain::find() {
        Ok(toolchain) => assert_eq!(matches!(toolchain, Toolchain::Debian { .. }), pretend_missing),
        // Neither way is possible: then the error says how to make one possible.
        Err(error) => assert!(error.to_string().contains("rustup target add wasm32-unknown-unknown"), "{error}"),
    }
}
