//! Layers of a release: who is served by which deployment, and how far back one can go.

use serde_json::Value;
use std::collections::BTreeSet;
use switchyard_contract::snapshot::{TenantLimits, Upstream, UpstreamProtocol, UpstreamTimeouts};
use switchyard_contract::{Digest, PluginName, TenantId, Version};
use switchyard_domain::command::{Deploy, Registration, Share};
use switchyard_domain::release::{COVERED_LAYERS_MAX, SERVING_LAYERS_MAX, Scope};
use switchyard_domain::tenant::{Bound, TenantSpec};
use switchyard_domain::{Command, Context, Environment, Principal, Refusal, RefusalKind, Role, World, decide};
use uuid::Uuid;

struct Story {
    world: World,
    deployments: u128,
}

fn name() -> PluginName {
    "p".parse().unwrap()
}
fn version(number: usize) -> Version {
    format!("1.{number}.0").parse().unwrap()
}

impl Story {
    /// A plugin with versions 1.0.0 to 1.20.0.
    fn begin() -> Self {
        let mut story = Self { world: World::default(), deployments: 0 };
        for number in 0..=20 {
            let registration = Registration {
                new_id: Uuid::nil(),
                salt: 7,
                name: name(),
                version: version(number),
                kind: String::new(),
                description: String::new(),
                digest: Digest::from_bytes([number as u8; 32]),
                size_bytes: 1,
                imports: Vec::new(),
                manifest: Value::Null,
                traceparent: None,
            };
            story.ask(Command::RegisterVersion(registration)).unwrap();
        }
        story
    }

    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        let actor = Principal::new("ada", Role::Admin);
        let context = Context { now_unix_ms: 1, actor, environment: Environment::Production, expect: None };
        let changes = decide(&self.world, &command, &context)?;
        changes.list.iter().for_each(|change| self.world.apply(change));
        self.world.generation = changes.generation;
        assert_eq!(switchyard_domain::check::check(&self.world), []);
        Ok(())
    }

    fn tenant(&mut self, id: &str) {
        let upstream = Upstream {
            name: "main".to_owned(),
            addresses: vec!["127.0.0.1:80".to_owned()],
            protocol: UpstreamProtocol::Http1,
            tls: None,
            health_check: None,
            timeouts: UpstreamTimeouts::default(),
            retries_max: 0,
        };
        let spec = TenantSpec {
            id: id.parse().unwrap(),
            hosts: vec![format!("{id}.example").parse().unwrap()],
            upstreams: vec![upstream],
            bindings: vec![Bound::new(name())],
            show_versions: false,
            limits: TenantLimits::default(),
        };
        self.ask(Command::PutTenant(spec)).unwrap();
    }

    fn deploy(&mut self, number: usize, only: &[&str]) -> Result<Uuid, Refusal> {
        self.deployments += 1;
        let id = Uuid::from_u128(self.deployments);
        let tenants: BTreeSet<TenantId> = only.iter().map(|tenant| tenant.parse().unwrap()).collect();
        let scope = if only.is_empty() { Scope::Everyone } else { Scope::Only(tenants) };
        let arms = vec![Share { version: version(number), weight_ppm: 1_000_000 }];
        self.ask(Command::Deploy(Deploy { id, plugin: name(), arms, scope }))?;
        Ok(id)
    }

    fn roll_back(&mut self, deployment: Uuid) -> Result<(), Refusal> {
        self.ask(Command::RollBack { deployment, reason: String::new() })
    }

    fn served(&self, tenant: &str) -> Version {
        let plugin = self.world.plugin(&name()).unwrap();
        plugin.release.serving(&tenant.parse().unwrap()).unwrap().split.arms[0].version.clone()
    }
}

#[test]
fn one_can_go_back_as_far_as_is_kept_and_never_to_something_else() {
    let mut story = Story::begin();
    let deployments: Vec<_> = (0..=15).map(|number| story.deploy(number, &[]).unwrap()).collect();
    story.tenant("shop");
    let mut back = 0;
    for (number, deployment) in deployments.iter().enumerate().rev() {
        assert_eq!(story.served("shop"), version(number));
        match story.roll_back(*deployment) {
            Ok(()) => back += 1,
            Err(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::Conflict);
                assert!(refusal.detail.contains("is not kept any more"), "{refusal}");
                break;
            }
        }
    }
    assert_eq!(back, COVERED_LAYERS_MAX);
}

#[test]
fn a_layer_over_something_forgotten_is_not_taken_away() {
    let mut story = Story::begin();
    story.deploy(0, &[]).unwrap();
    story.tenant("shop");
    story.tenant("bank");
    // For one tenant again and again: what is forgotten must not show the base instead.
    let deployments: Vec<_> = (1..=14).map(|number| story.deploy(number, &["shop"]).unwrap()).collect();
    for (at, deployment) in deployments.iter().enumerate().rev() {
        if story.roll_back(*deployment).is_err() {
            assert_eq!(story.served("shop"), version(at + 1));
            assert_eq!(at, 14 - COVERED_LAYERS_MAX - 1);
            break;
        }
        assert_eq!(story.served("shop"), version(at));
        assert_eq!(story.served("bank"), version(0));
    }
}

#[test]
fn a_deployment_below_is_taken_away_for_those_it_still_serves() {
    let mut story = Story::begin();
    story.deploy(0, &[]).unwrap();
    story.tenant("shop");
    story.tenant("bank");
    let all = story.deploy(1, &[]).unwrap();
    story.deploy(2, &["shop"]).unwrap();
    story.roll_back(all).unwrap();
    assert_eq!((story.served("shop"), story.served("bank")), (version(2), version(0)));
}

#[test]
fn too_many_deployments_side_by_side_are_refused() {
    let mut story = Story::begin();
    story.deploy(0, &[]).unwrap();
    for at in 0..SERVING_LAYERS_MAX {
        let id = format!("t{at}");
        story.tenant(&id);
        let made = story.deploy(1, &[&id]);
        assert_eq!(made.is_ok(), at + 1 < SERVING_LAYERS_MAX, "{at}");
    }
    // To all: room again.
    story.deploy(2, &[]).unwrap();
    story.deploy(3, &["t0"]).unwrap();
    assert_eq!((story.served("t0"), story.served("t1")), (version(3), version(2)));
}

#[test]
fn another_tenants_name_is_told_only_to_those_who_see_it() {
    let mut story = Story::begin();
    story.deploy(0, &[]).unwrap();
    story.tenant("shop");
    let spec = |world: &World| {
        let tenant = world.tenant(&"shop".parse().unwrap()).unwrap();
        TenantSpec {
            id: "bank".parse().unwrap(),
            hosts: tenant.hosts.clone(),
            upstreams: tenant.upstreams.clone(),
            bindings: Vec::new(),
            show_versions: false,
            limits: tenant.limits.clone(),
        }
    };
    let refusal = story.ask(Command::CreateTenant(spec(&story.world))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.detail, "host shop.example belongs to tenant shop");
    // Whoever may create tenants sees all today; the rule does not lean on that.
    let owner = Principal::new("bob", Role::TenantOwner { tenants: BTreeSet::from(["bank".parse().unwrap()]) });
    let context = Context { now_unix_ms: 1, actor: owner, environment: Environment::Production, expect: None };
    let refusal = decide(&story.world, &Command::CreateTenant(spec(&story.world)), &context).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    assert!(!refusal.detail.contains("shop"), "{refusal}");
}
