//! The examples build into components that are what they say.

use switchyard_filter_build::{example, inspect};

#[test]
fn bench_imports_nothing() {
    let component = example("bench").expect("bench builds");
    let inspection = inspect(&component).expect("bench is a filter");
    println!("{inspection}");
    assert_eq!(inspection.manifest.name.as_str(), "bench");
}

#[test]
fn headers_builds() {
    let component = example("headers").expect("headers builds");
    let inspection = inspect(&component).expect("headers is a filter");
    println!("{inspection}");
}
