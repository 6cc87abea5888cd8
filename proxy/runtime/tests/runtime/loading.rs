//! From bytes to something that can be called: what is refused, what is kept, what is given back.

use crate::guest::Guest;
use crate::host::{host, host_with, settings, spec};
use std::sync::Arc;
use switchyard_runtime::{Fault, LoadError, NoTelemetry, PrepareError, Runtime};

fn reasons(result: Result<impl Sized, LoadError>) -> Vec<String> {
    match result {
        Err(LoadError::Refused(reasons)) => reasons,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn what_is_no_filter_is_refused_with_every_reason() {
    let host = host();
    let load = |wasm: &[u8]| reasons(host.runtime.load(Runtime::digest(wasm), wasm));
    assert!(load(b"not wasm")[0].contains("not a WebAssembly component"));
    let foreign = wat::parse_str(r#"(component (import "wasi:cli/run@0.2.0" (instance)))"#).unwrap();
    let reasons = load(&foreign);
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    let empty_handler =
        wat::parse_str(r#"(component (instance $i) (export "switchyard:filter/handler@0.1.0" (instance $i)))"#)
            .unwrap();
    let reasons = load(&empty_handler);
    assert_eq!(reasons.len(), 12, "every missing function is named: {reasons:?}");
}

#[test]
fn exports_of_another_type_are_refused() {
    let host = host();
    let wrong = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $c (instantiate $m))
            (func $f (canon lift (core func $c "f")))
            (instance $i
                (export "configure" (func $f)) (export "health" (func $f)) (export "start" (func $f))
                (export "on-request" (func $f)) (export "on-request-chunk" (func $f)) (export "on-request-whole" (func $f))
                (export "on-response" (func $f)) (export "on-response-chunk" (func $f)) (export "on-response-whole" (func $f))
                (export "on-trailers" (func $f)) (export "on-finished" (func $f)) (export "close" (func $f)))
            (export "switchyard:filter/handler@0.1.0" (instance $i)))"#,
    )
    .unwrap();
    let reasons = reasons(host.runtime.load(Runtime::digest(&wrong), &wrong));
    assert_eq!(reasons.len(), 12, "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("another type")), "{reasons:?}");
}

#[test]
fn bytes_of_another_digest_are_refused() {
    let host = host();
    let wasm = Guest::default().build();
    let other = Runtime::digest(b"other");
    assert!(matches!(host.runtime.load(other, &wasm), Err(LoadError::Digest { .. })));
}

#[test]
fn a_module_is_compiled_once_and_found_again_after_a_restart() {
    let host = host();
    let wasm = Guest::default().build();
    let digest = Runtime::digest(&wasm);
    assert!(host.runtime.cached(digest).is_none());
    let module = host.load(&wasm);
    assert!(module.image_bytes() > 0);
    assert!(Arc::ptr_eq(&module, &host.load(&wasm)), "shared while in use");
    assert_eq!(host.runtime.stats().modules_loaded, 1);
    drop(module);
    assert_eq!(host.runtime.stats().modules_loaded, 0, "given back when nobody uses it");
    // Another process with no compiler at all.
    let settings = switchyard_runtime::RuntimeSettings { compiler: vec![], ..settings(host.folder.path()) };
    let restarted = Runtime::start(settings, Arc::new(NoTelemetry)).expect("starts");
    assert!(restarted.cached(digest).is_some());
    assert_eq!(restarted.cached_wasm(digest), Some(wasm));
}

#[test]
fn compiling_is_limited() {
    let wasm = Guest::default().build();
    let load = |host: &crate::host::Host| host.runtime.load(Runtime::digest(&wasm), &wasm).map(|_| ());
    let little_memory = host_with(|settings| settings.compile_memory_bytes_max = 8 << 20);
    let refused = load(&little_memory);
    assert!(matches!(refused, Err(LoadError::Compile(_))), "{refused:?}");
    // A compiler that never ends, and one that is not there.
    let endless = host_with(|settings| {
        settings.compiler = vec!["/bin/sh".into(), "-c".into(), "exec sleep 100".into()];
        settings.compile_wall_s_max = 1;
    });
    assert!(matches!(load(&endless), Err(LoadError::CompileLimit { what: "time", .. })));
    let burning = host_with(|settings| {
        settings.compiler = vec!["/bin/sh".into(), "-c".into(), "ulimit -t 1; while :; do :; done".into()]
    });
    assert!(matches!(load(&burning), Err(LoadError::CompileLimit { what: "CPU time", .. })));
    let absent = host_with(|settings| settings.compiler = vec!["/nonexistent".into()]);
    assert!(matches!(load(&absent), Err(LoadError::Compile(_))));
}

#[test]
fn a_start_function_that_loops_is_refused_when_it_is_loaded() {
    let host = host();
    let wasm = Guest::default().item("(func $s (loop (br 0))) (start $s)").build();
    let reasons = reasons(host.runtime.load(Runtime::digest(&wasm), &wasm));
    assert!(reasons[0].contains("does not start"), "{reasons:?}");
    assert!(host.runtime.cached(Runtime::digest(&wasm)).is_none(), "and not kept");
}

#[test]
fn configure_and_health_can_refuse() {
    let host = host();
    let refusing = "(i32.store8 (i32.const 2048) (i32.const 1))
        (i32.store (i32.const 2052) (i32.const 4000)) (i32.store (i32.const 2056) (i32.const 4)) i32.const 2048";
    let data = "(data (i32.const 4000) \"sick\")";
    let unhealthy = Guest::default().hook("health", refusing).item(data).build();
    assert!(matches!(host.prepare(&unhealthy, spec("acme")), Err(PrepareError::Health(reason)) if reason == "sick"));
    let trapping = Guest::default().hook("configure", "unreachable").build();
    assert!(matches!(
        host.prepare(&trapping, spec("acme")),
        Err(PrepareError::Fault(Fault::Trap { hook: "configure", .. }))
    ));
}
