//! Random sequences of commands: whatever is asked, in whatever order, the world stays sound, its
//! generation only grows, and rendering shares what did not change.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use switchyard_contract::snapshot::{FailurePolicy, FilterLimits, Isolation, Snapshot, Stickiness, TenantLimits};
use switchyard_contract::snapshot::{Upstream, UpstreamProtocol, UpstreamTimeouts};
use switchyard_contract::{Digest, Generation, PluginName, TenantId, Version};
use switchyard_domain::check::{check, check_changed};
use switchyard_domain::command::{BindingSetting, Deploy, Registration, Share};
use switchyard_domain::deployment::Outcome;
use switchyard_domain::release::Scope;
use switchyard_domain::render::Rendering;
use switchyard_domain::tenant::{Bound, TenantSpec};
use switchyard_domain::{Change, Command, Context, Environment, Principal, Refusal, Role, World, decide};
use uuid::Uuid;

/// Few of each, so that commands meet.
const PLUGINS: u8 = 3;
const VERSIONS: u8 = 4;
const TENANTS: u8 = 4;
const HOSTS: u8 = 5;

fn plugin(at: u8) -> PluginName {
    format!("p{at}").parse().unwrap()
}
fn tenant(at: u8) -> TenantId {
    format!("t{at}").parse().unwrap()
}
fn version(at: u8) -> Version {
    format!("1.{at}.0").parse().unwrap()
}

/// A command, with deployments named by their place among those made so far.
#[derive(Debug, Clone)]
enum Step {
    Plain(Box<Command>),
    Reweigh(usize, Vec<Share>),
    RollBack(usize),
    Settle(usize, Outcome),
}

fn registration() -> impl Strategy<Value = Command> {
    (0..PLUGINS, 0..VERSIONS, 0..2u8).prop_map(|(name, number, bytes)| {
        Command::RegisterVersion(Registration {
            new_id: Uuid::from_u128(u128::from(name)),
            salt: u64::from(name) + 7,
            name: plugin(name),
            version: version(number),
            kind: "middleware".to_owned(),
            description: String::new(),
            digest: Digest::from_bytes([name * 16 + number * 2 + bytes; 32]),
            size_bytes: 1,
            imports: Vec::new(),
            manifest: serde_json::Value::Null,
            traceparent: None,
        })
    })
}

fn tenant_command() -> impl Strategy<Value = Command> {
    let binding =
        (0..PLUGINS, any::<bool>(), option::of(0..VERSIONS), -2..3i32).prop_map(|(name, enabled, pin, order)| Bound {
            enabled,
            order,
            pin: pin.map(version),
            ..Bound::new(plugin(name))
        });
    let spec =
        (0..TENANTS, btree_set(0..HOSTS, 0..3), vec(binding, 0..3)).prop_map(|(id, hosts, bindings)| TenantSpec {
            id: tenant(id),
            hosts: hosts.into_iter().map(|at| format!("h{at}.example").parse().unwrap()).collect(),
            upstreams: vec![upstream()],
            bindings,
            show_versions: false,
            limits: TenantLimits::default(),
        });
    prop_oneof![
        spec.clone().prop_map(Command::PutTenant),
        spec.prop_map(Command::CreateTenant),
        (0..TENANTS).prop_map(|id| Command::DeleteTenant { tenant: tenant(id) }),
    ]
}

fn upstream() -> Upstream {
    Upstream {
        name: "main".to_owned(),
        addresses: vec!["127.0.0.1:80".to_owned()],
        protocol: UpstreamProtocol::Http1,
        tls: None,
        health_check: None,
        timeouts: UpstreamTimeouts::default(),
        retries_max: 1,
    }
}

fn binding_command() -> impl Strategy<Value = Command> {
    (0..TENANTS, 0..PLUGINS, 0..VERSIONS, option::of(0..VERSIONS), 0..6u8).prop_map(|(t, p, v, pin, which)| {
        let (tenant, plugin) = (tenant(t), plugin(p));
        let setting = BindingSetting {
            order: None,
            config: "{}".into(),
            pin: pin.map(version),
            stickiness: Stickiness::default(),
            failure_policy: FailurePolicy::Closed,
            isolation: Isolation::Fresh,
            limits: FilterLimits::default(),
        };
        match which {
            0 => Command::Bind { tenant, plugin, setting },
            1 => Command::Unbind { tenant, plugin },
            2 => Command::Enable { tenant, plugin },
            3 => Command::Disable { tenant, plugin },
            4 => Command::Pin { tenant, plugin, version: version(v) },
            _ => Command::Unpin { tenant, plugin },
        }
    })
}

/// Mostly shares that add up.
fn shares() -> impl Strategy<Value = Vec<Share>> {
    let share = |number: u8, weight_ppm: u32| Share { version: version(number), weight_ppm };
    prop_oneof![
        4 => (0..VERSIONS).prop_map(move |number| vec![share(number, 1_000_000)]),
        3 => (0..VERSIONS, 0..VERSIONS, 0..=1_000_000u32)
            .prop_map(move |(a, b, cut)| vec![share(a, cut), share(b, 1_000_000 - cut)]),
        1 => vec((0..VERSIONS, 0..1_000_000u32), 0..3)
            .prop_map(move |all| all.into_iter().map(|(number, weight)| share(number, weight)).collect()),
    ]
}

fn deploy() -> impl Strategy<Value = Command> {
    (0..PLUGINS, shares(), option::of(btree_set(0..TENANTS, 0..3))).prop_map(|(name, arms, only)| {
        let scope = only.map_or(Scope::Everyone, |only| Scope::Only(only.into_iter().map(tenant).collect()));
        Command::Deploy(Deploy { id: Uuid::nil(), plugin: plugin(name), arms, scope })
    })
}

fn plain(command: Command) -> Step {
    Step::Plain(Box::new(command))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => registration().prop_map(plain),
        4 => deploy().prop_map(plain),
        4 => tenant_command().prop_map(plain),
        6 => binding_command().prop_map(plain),
        1 => (0..PLUGINS).prop_map(|name| plain(Command::DeletePlugin { plugin: plugin(name) })),
        2 => (0..PLUGINS).prop_map(|name| {
            plain(Command::RollBackPlugin { plugin: plugin(name), reason: String::new() })
        }),
        2 => (any::<prop::sample::Index>(), shares()).prop_map(|(at, arms)| Step::Reweigh(at.index(1_000), arms)),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::RollBack(at.index(1_000))),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::Settle(at.index(1_000), Outcome::Completed)),
    ]
}

fn command(step: &Step, at: usize, world: &World) -> Option<(Command, Principal)> {
    let admin = Principal::new("admin", Role::Admin);
    let made = |at: &usize| {
        let all: Vec<_> = world.deployments().values().collect();
        (!all.is_empty()).then(|| all[at % all.len()].clone())
    };
    match step {
        Step::Plain(command) => match command.as_ref() {
            Command::Deploy(deploy) => {
                let deploy = Deploy { id: Uuid::from_u128(at as u128 + 1), ..deploy.clone() };
                Some((Command::Deploy(deploy), admin))
            }
            command => Some((command.clone(), admin)),
        },
        Step::Reweigh(at, arms) => Some((Command::Reweigh { deployment: made(at)?.id, arms: arms.clone() }, admin)),
        Step::RollBack(at) => Some((Command::RollBack { deployment: made(at)?.id, reason: String::new() }, admin)),
        Step::Settle(at, outcome) => {
            let deployment = made(at)?;
            let command = Command::Settle {
                deployment: deployment.id,
                effective: deployment.effective,
                outcome: outcome.clone(),
            };
            Some((command, Principal::engine()))
        }
    }
}

fn decided(world: &World, command: &Command, actor: Principal) -> Result<World, Refusal> {
    let context = Context { now_unix_ms: 1, actor, environment: Environment::Development, expect: None };
    let changes = decide(world, command, &context)?;
    let mut next = world.clone();
    changes.list.iter().for_each(|change| next.apply(change));
    next.generation = changes.generation;
    assert_eq!(check_changed(&next, &changes.list), [], "{command:?}");
    Ok(next)
}

/// The same world, built from its resources in another order: as a store gives them back.
fn reloaded(world: &World) -> World {
    use switchyard_domain::Resource;
    let mut again = World::default();
    let mut put = |resource| again.apply(&Change::Put(resource));
    world.tenants().values().rev().for_each(|tenant| put(Resource::Tenant(tenant.clone())));
    world.deployments().values().for_each(|deployment| put(Resource::Deployment(deployment.clone())));
    world.plugins().values().for_each(|plugin| put(Resource::Plugin(plugin.clone())));
    again.generation = world.generation;
    again
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_the_world(steps in vec(step(), 1..120)) {
        let mut world = World::default();
        let mut rendering = Rendering::default();
        for (at, step) in steps.iter().enumerate() {
            let Some((command, actor)) = command(step, at, &world) else { continue };
            let next = match decided(&world, &command, actor) {
                Ok(next) => next,
                Err(refusal) => {
                    prop_assert!(!refusal.detail.is_empty());
                    continue;
                }
            };
            prop_assert!(check(&next).is_empty(), "{:?} after {command:?}", check(&next));
            prop_assert!(next.generation == world.generation || next.generation == Generation(world.generation.0 + 1));
            prop_assert!(next.generation > world.generation || next == world, "a change without a generation");
            prop_assert_eq!(&reloaded(&next), &next);
            let before = rendering.snapshot().clone();
            rendering.update(&next);
            shares_what_is_equal(&before, rendering.snapshot())?;
            prop_assert_eq!(&snapshot(&next), rendering.snapshot());
            world = next;
        }
    }

    /// Doing it twice is doing it once.
    #[test]
    fn deploying_and_rolling_back_gives_the_same_snapshot_as_before(
        steps in vec(step(), 1..40), name in 0..PLUGINS, arms in shares(),
    ) {
        let mut world = World::default();
        for (at, step) in steps.iter().enumerate() {
            if let Some((command, actor)) = command(step, at, &world) {
                world = decided(&world, &command, actor).unwrap_or(world);
            }
        }
        let admin = || Principal::new("admin", Role::Admin);
        let id = Uuid::from_u128(u128::MAX);
        let deploy = Command::Deploy(Deploy { id, plugin: plugin(name), arms, scope: Scope::Everyone });
        let Ok(deployed) = decided(&world, &deploy, admin()) else { return Ok(()) };
        prop_assume!(deployed.deployment(id).is_some());
        // Refused where a tenant would be left with nothing; never half undone.
        let back = Command::RollBack { deployment: id, reason: String::new() };
        let Ok(after) = decided(&deployed, &back, admin()) else { return Ok(()) };
        prop_assert_eq!(&snapshot(&world).tenants, &snapshot(&after).tenants);
        prop_assert_eq!(&decided(&after, &back, admin()).unwrap(), &after);
    }
}

/// Rendered from nothing.
fn snapshot(world: &World) -> Arc<Snapshot> {
    let mut rendering = Rendering::default();
    rendering.update(world);
    rendering.snapshot().clone()
}

fn shares_what_is_equal(before: &Snapshot, after: &Snapshot) -> Result<(), TestCaseError> {
    let old: BTreeMap<_, _> = before.tenants.iter().map(|entry| (entry.id.clone(), entry)).collect();
    for entry in &after.tenants {
        if let Some(old) = old.get(&entry.id).filter(|old| **old == entry) {
            prop_assert!(Arc::ptr_eq(old, entry), "{} is equal and not the same", entry.id);
        }
    }
    Ok(())
}
