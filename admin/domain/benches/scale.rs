//! What one change costs with many tenants: decide, apply, check, render. Prints medians and the
//! 99th percentile; `cargo bench -p switchyard-domain`.

#![expect(clippy::unwrap_used, reason = "a benchmark may fail loudly")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_contract::snapshot::{TenantLimits, Upstream, UpstreamProtocol, UpstreamTimeouts};
use switchyard_contract::{Digest, PluginName, Version};
use switchyard_domain::check::{check, check_changed};
use switchyard_domain::command::{Changes, Deploy, Registration, Share};
use switchyard_domain::release::Scope;
use switchyard_domain::render::Rendering;
use switchyard_domain::tenant::{Bound, TenantSpec};
use switchyard_domain::{Command, Context, Environment, Principal, Role, World, decide};
use uuid::Uuid;

const TENANTS: usize = 10_000;
const PLUGINS: usize = 3;
const ROUNDS: usize = 200;

fn plugin(at: usize) -> PluginName {
    format!("plugin-{at}").parse().unwrap()
}
fn version(number: usize) -> Version {
    format!("1.{number}.0").parse().unwrap()
}

fn changes(world: &World, command: &Command) -> Changes {
    let actor = Principal::new("bench", Role::Admin);
    decide(world, command, &Context { now_unix_ms: 1, actor, environment: Environment::Development, expect: None })
        .unwrap()
}

fn after(world: &World, changes: &Changes) -> World {
    let mut next = world.clone();
    changes.list.iter().for_each(|change| next.apply(change));
    next.generation = changes.generation;
    next
}

fn register(at: usize, number: usize) -> Command {
    Command::RegisterVersion(Registration {
        new_id: Uuid::from_u128(at as u128),
        salt: at as u64,
        name: plugin(at),
        version: version(number),
        kind: "middleware".to_owned(),
        description: String::new(),
        digest: Digest::from_bytes([number as u8; 32]),
        size_bytes: 1,
        imports: Vec::new(),
        manifest: serde_json::Value::Null,
        traceparent: None,
    })
}

fn deploy(at: usize, number: usize, id: u128) -> Command {
    let arms = vec![Share { version: version(number), weight_ppm: 1_000_000 }];
    Command::Deploy(Deploy { id: Uuid::from_u128(id), plugin: plugin(at), arms, scope: Scope::Everyone })
}

fn tenant(at: usize, exchanges_max: u32) -> Command {
    let upstream = Upstream {
        name: "main".to_owned(),
        addresses: vec!["127.0.0.1:9001".to_owned()],
        protocol: UpstreamProtocol::Http1,
        tls: None,
        health_check: None,
        timeouts: UpstreamTimeouts::default(),
        retries_max: 1,
    };
    Command::PutTenant(TenantSpec {
        id: format!("tenant-{at}").parse().unwrap(),
        hosts: vec![format!("tenant-{at}.example").parse().unwrap()],
        upstreams: vec![upstream],
        bindings: (0..PLUGINS).map(|at| Bound::new(plugin(at))).collect(),
        show_versions: false,
        limits: TenantLimits { exchanges_max, ..TenantLimits::default() },
    })
}

/// Median and 99th percentile.
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (median, high) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what:<44} median {:>9.1?}  p99 {:>9.1?}", median, high);
}

fn main() {
    let mut world = World::default();
    for at in 0..PLUGINS {
        for number in 0..2 {
            world = after(&world, &changes(&world, &register(at, number)));
        }
        world = after(&world, &changes(&world, &deploy(at, 0, at as u128 + 1)));
    }
    let began = Instant::now();
    let mut rendering = Rendering::default();
    for at in 0..TENANTS {
        let changes = changes(&world, &tenant(at, 100));
        world = after(&world, &changes);
        assert!(check_changed(&world, &changes.list).is_empty());
        rendering.update(&world);
    }
    println!("{TENANTS} tenants with {PLUGINS} plugins each, one by one: {:.1?}", began.elapsed());
    measure("a change of one tenant", &mut world, &mut rendering, |round| tenant(round, 200 + round as u32));
    measure("a deployment to all tenants", &mut world, &mut rendering, |round| {
        deploy(0, (round + 1) % 2, 1_000 + round as u128)
    });
    let began = Instant::now();
    assert!(check(&world).is_empty());
    println!("a check of the whole world: {:.1?}", began.elapsed());
}

fn measure(what: &str, world: &mut World, rendering: &mut Rendering, command: impl Fn(usize) -> Command) {
    let (mut deciding, mut checking, mut rendering_took) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let began = Instant::now();
        let changes = changes(world, &command(round));
        let next = after(world, &changes);
        deciding.push(began.elapsed());
        let began = Instant::now();
        assert!(check_changed(&next, &changes.list).is_empty());
        checking.push(began.elapsed());
        let began = Instant::now();
        rendering.update(&next);
        rendering_took.push(began.elapsed());
        black_box(Arc::clone(rendering.snapshot()));
        *world = next;
    }
    report(&format!("{what}: decide and apply"), deciding);
    report(&format!("{what}: check"), checking);
    report(&format!("{what}: render"), rendering_took);
}
