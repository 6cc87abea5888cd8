//! From one generation to the next, and without a control plane at all.

use crate::harness::client::get;
use crate::harness::control::Control;
use crate::harness::origin::{answering, with_status};
use crate::harness::tenant::{arms, with};
use crate::harness::{Client, eventually, filter, node, origin, tenant};
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use switchyard_contract::Generation;
use switchyard_contract::report::VersionState;
use switchyard_contract::snapshot::{Binding, TenantEntry};
use switchyard_contract::split::{BUCKETS, Split};

const CONFIG: &str = r#"{"version_header":"x-version"}"#;

fn version(control: &Control, version: &str) -> Binding {
    with(filter(control, "headers", CONFIG), |binding| {
        binding.split = Split::new(42, arms(control, "headers", &[(version, BUCKETS)])).unwrap();
    })
}

fn entry(id: &str, upstream: std::net::SocketAddr, binding: Binding) -> TenantEntry {
    with(tenant(id, upstream), |entry| entry.bindings = vec![binding])
}

#[tokio::test]
async fn an_exchange_in_flight_ends_on_the_version_it_began_with() {
    let release = Arc::new(tokio::sync::Semaphore::new(0));
    let held = release.clone();
    let slow = answering(move |seen| {
        let held = held.clone();
        async move {
            if seen.uri.path() == "/slow" {
                let _ = held.acquire().await;
            }
            with_status(StatusCode::OK, "")
        }
    })
    .await;
    let control = Arc::new(Control::default());
    let (old, new) = (version(&control, "1.0.0"), version(&control, "2.0.0"));
    let node = node()
        .control(control)
        .settings(|settings| settings.keep_previous = false)
        .serving(vec![entry("shop", slow.address, old)])
        .await;
    let address = node.http();
    let long = tokio::spawn(async move { get(address, "http://shop.example/slow").await });
    eventually("the long request arrives", || slow.seen().len() == 1).await;
    assert_eq!(node.apply(vec![entry("shop", slow.address, new)]).await.refused, []);
    assert_eq!(get(address, "http://shop.example/").await.header("x-version"), Some("2.0.0"));
    let draining = |state| {
        let versions = node.edge.status().versions;
        versions.iter().any(|version| version.version.as_str() == "1.0.0" && version.state == state)
    };
    eventually("the old version drains", || draining(VersionState::Draining)).await;
    assert_eq!(node.receipts("1.0.0").len(), 0);
    release.add_permits(1);
    assert_eq!(long.await.unwrap().header("x-version"), Some("1.0.0"));
    eventually("the receipt comes", || node.receipts("1.0.0").len() == 1).await;
    let receipt = node.receipts("1.0.0").remove(0);
    assert_eq!((receipt.exchanges_at_swap, receipt.exchanges_forced, receipt.instances_left), (1, 0, 0));
    assert!(receipt.module_bytes_released > 0, "{receipt:?}");
    assert_eq!(node.edge.status().modules_loaded, 1);
}

#[tokio::test]
async fn a_rollback_finds_the_old_version_warm() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let (old, new) = (version(&control, "1.0.0"), version(&control, "2.0.0"));
    let node = node().control(control).serving(vec![entry("shop", shop.address, old.clone())]).await;
    node.apply(vec![entry("shop", shop.address, new)]).await;
    eventually("the old version has drained", || node.receipts("1.0.0").len() == 1).await;
    assert_eq!(node.receipts("1.0.0")[0].module_bytes_released, 0, "it is kept");
    let loads = node.runtime.stats();
    node.control.forget_artifacts();
    assert_eq!(node.apply(vec![entry("shop", shop.address, old)]).await.refused, []);
    assert_eq!(get(node.http(), "http://shop.example/").await.header("x-version"), Some("1.0.0"));
    let after = node.runtime.stats();
    assert_eq!(
        loads.module_cache_hits + loads.module_cache_misses,
        after.module_cache_hits + after.module_cache_misses
    );
}

#[tokio::test]
async fn a_tenant_that_cannot_be_prepared_keeps_its_form_and_holds_up_nobody() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let good = version(&control, "1.0.0");
    let node = node().control(control).serving(vec![entry("shop", shop.address, good.clone())]).await;
    let refusing = filter(&node.control, "bad", r#"{"mode":"fault","phase":"configure"}"#);
    let answer = node
        .apply(vec![
            entry("shop", shop.address, refusing.clone()),
            entry("blog", shop.address, good),
            entry("new", shop.address, refusing),
        ])
        .await;
    let mut refused: Vec<_> = answer.refused.iter().map(|refusal| refusal.tenant.to_string()).collect();
    refused.sort();
    assert_eq!(refused, ["new", "shop"]);
    assert!(answer.refused.iter().all(|refusal| refusal.reason.contains("bad on purpose")), "{answer:?}");
    assert_eq!(answer.refused[0].plugin.as_ref().map(ToString::to_string).as_deref(), Some("bad"));
    assert_eq!(get(node.http(), "http://shop.example/").await.header("x-version"), Some("1.0.0"));
    assert_eq!(get(node.http(), "http://blog.example/").await.header("x-version"), Some("1.0.0"));
    assert_eq!(get(node.http(), "http://new.example/").await.status, StatusCode::NOT_FOUND);
    assert_eq!(node.edge.status().refused.len(), 2);
    assert_eq!(node.edge.status().generation, Generation(2));
}

#[tokio::test]
async fn an_older_generation_is_refused() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    control.publish_as(Generation(7), vec![tenant("shop", shop.address)]);
    let node = node().control(control).start();
    node.control.answer(Generation(7)).await;
    node.control.publish_as(Generation(6), vec![]);
    node.control.publish_as(Generation(8), vec![tenant("shop", shop.address), tenant("blog", shop.address)]);
    node.control.answer(Generation(8)).await;
    assert_eq!(get(node.http(), "http://blog.example/").await.status, StatusCode::OK);
    let acknowledged: Vec<_> = node.control.acknowledged.borrow().iter().map(|one| one.generation).collect();
    assert_eq!(acknowledged, [Generation(7), Generation(8)]);
}

#[tokio::test]
async fn a_node_boots_from_its_last_good_snapshot_without_the_control_plane() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let binding = version(&control, "1.0.0");
    let first = node().control(control).serving(vec![entry("shop", shop.address, binding)]).await;
    first.edge.stop().await;
    let data = first.data.clone();
    let nobody = Arc::new(Control::default());
    nobody.absent.store(true, Ordering::Relaxed);
    let second = node().control(nobody).data(data).start();
    eventually("the node is ready", || second.edge.ready()).await;
    assert_eq!(second.edge.status().generation, Generation(1));
    assert_eq!(get(second.http(), "http://shop.example/").await.header("x-version"), Some("1.0.0"));
}

#[tokio::test]
async fn no_request_fails_while_versions_are_swapped() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let versions = ["1.0.0", "2.0.0"].map(|number| version(&control, number));
    let node = node().control(control).serving(vec![entry("shop", shop.address, versions[0].clone())]).await;
    let address = node.http();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            tokio::spawn(async move {
                let mut client = Client::http1(address).await;
                let mut served = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(client.get("http://shop.example/").await.status, StatusCode::OK);
                    served += 1;
                }
                served
            })
        })
        .collect();
    for swap in 0..30 {
        let wanted = versions[swap % 2].clone();
        assert_eq!(node.apply(vec![entry("shop", shop.address, wanted)]).await.refused, []);
    }
    stop.store(true, Ordering::Relaxed);
    let mut served = 0;
    for load in load {
        served += load.await.unwrap();
    }
    assert!(served > 100, "{served}");
}

#[tokio::test]
async fn a_report_follows_every_swap_and_then_from_time_to_time() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let binding = version(&control, "1.0.0");
    let node = node().control(control).serving(vec![entry("shop", shop.address, binding)]).await;
    get(node.http(), "http://shop.example/").await;
    let counted = || {
        let reports = node.control.reports.lock().unwrap();
        reports.last().is_some_and(|report| report.versions.iter().any(|version| version.calls_total >= 2))
    };
    eventually("a report tells the calls", counted).await;
    let report = node.edge.status();
    assert_eq!(report.node.as_str(), "node-1");
    assert!(report.resident_bytes > 1 << 20);
    assert_eq!(report.versions.len(), 1);
}

#[tokio::test]
async fn a_host_moves_from_one_tenant_to_another_in_one_generation() {
    let (shop, blog) = (origin().await, origin().await);
    let entry = |id: &str, upstream, hosts: &[&str]| {
        with(tenant(id, upstream), |entry| entry.hosts = hosts.iter().map(|host| host.parse().unwrap()).collect())
    };
    let before =
        vec![entry("shop", shop.address, &["a.example", "b.example"]), entry("blog", blog.address, &["c.example"])];
    let after =
        vec![entry("shop", shop.address, &["a.example"]), entry("blog", blog.address, &["b.example", "c.example"])];
    let node = node().serving(before).await;
    get(node.http(), "http://b.example/").await;
    assert_eq!((shop.seen().len(), blog.seen().len()), (1, 0));
    node.apply(after).await;
    get(node.http(), "http://b.example/").await;
    assert_eq!((shop.seen().len(), blog.seen().len()), (1, 1));
    node.apply(vec![]).await;
    assert_eq!(get(node.http(), "http://b.example/").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_could_not_be_fetched_is_tried_again() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let binding = version(&control, "1.0.0");
    let bytes = crate::harness::tenant::artifact("headers", "1.0.0");
    control.forget_artifacts();
    // A module cache of its own, in which the module is not yet.
    let cache = tempfile::tempdir().unwrap();
    let node = node().control(control).runtime(|runtime| runtime.cache_dir = cache.path().join("modules")).start();
    let answer = node.apply(vec![entry("shop", shop.address, binding)]).await;
    assert_eq!(answer.refused.len(), 1, "{answer:?}");
    node.control.store(&bytes);
    eventually("the tenant is served after all", || node.edge.status().refused.is_empty()).await;
    assert_eq!(get(node.http(), "http://shop.example/").await.header("x-version"), Some("1.0.0"));
}
