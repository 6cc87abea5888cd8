//! The story: what a release engineer does in a bad week, in half a minute. Every finding is checked
//! where it must hold; a check that fails ends the demo with exit code 1.

use super::filters::Built;
use super::load::{HEADERS_MARK, USER_HEADER};
use super::narrate::{Narrator, grouped};
use super::stage::{BLOG, CONNECTIONS, LAB, SHOP, Stage, check};
use super::tally::Window;
use crate::failure::Failure;
use crate::output::mebibytes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Single requests that lab gets while its bad version serves.
const PROBES: u32 = 100;
/// The share of traffic the bad version gets, in percent.
const BAD_SHARE: u32 = 10;

pub struct Story<'a> {
    pub stage: Stage<'a>,
    pub narrator: &'a mut Narrator,
}

impl Story<'_> {
    pub async fn tell(&mut self, built: Built) -> Result<(), Failure> {
        self.begin().await?;
        self.register(built).await?;
        self.deploy_directly().await?;
        self.roll_out().await?;
        let bad = self.deploy_bad().await?;
        self.roll_back(&bad).await?;
        self.split_two().await?;
        self.swap_many().await
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        self.narrator.step("Start the product and traffic for two tenants")?;
        let stage = &mut self.stage;
        for tenant in [&SHOP, &BLOG, &LAB] {
            stage.operator.tenant(tenant, stage.origin, json!([])).await?;
        }
        self.narrator.say(format!("proxy {}, admin API in the same process, origin {}", stage.edge, stage.origin))?;
        stage.begin_traffic().await?;
        for window in stage.look().await {
            check(window.requests > 0, "no traffic flows")?;
        }
        let connections = 2 * CONNECTIONS;
        self.narrator.say(format!("{connections} connections ask without a pause, and every answer is checked"))?;
        self.narrator.say("no filter is on the path yet")
    }

    async fn register(&mut self, built: Built) -> Result<(), Failure> {
        self.narrator.step("Upload: every version is checked and compiled before it is stored")?;
        let refused = self.stage.operator.register(b"not a filter".to_vec()).await;
        let refused =
            refused.err().ok_or_else(|| Failure::failed("go on", "an upload that is no filter was accepted"))?;
        self.narrator.say(format!("not a filter: refused, {}", refused.wrong.join("; ")))?;
        for (plugin, components) in [("headers", built.headers), ("bad", built.bad)] {
            for component in components {
                let started = Instant::now();
                let version = self.stage.operator.register(component).await?;
                self.narrator.say(format!("{plugin} {version}: registered in {} ms", started.elapsed().as_millis()))?;
            }
        }
        Ok(())
    }

    async fn deploy_directly(&mut self) -> Result<(), Failure> {
        self.narrator.step("Deploy headers 1.0.0 to everyone at once")?;
        let headers = self.stage.operator.deploy("headers", &[("1.0.0", 100)], &[]).await?;
        self.stage.operator.deploy("bad", &[("1.0.0", 100)], &[]).await?;
        for (tenant, policy) in [(&SHOP, "open"), (&BLOG, "open"), (&LAB, "closed")] {
            self.stage.operator.tenant(tenant, self.stage.origin, path(policy)).await?;
        }
        self.narrator.say(format!("served by the node {} ms after the call", headers.took.as_millis()))?;
        self.stage.follows(&[SHOP.host, BLOG.host], "headers=1.0.0").await?;
        for (tenant, window) in [&SHOP, &BLOG].into_iter().zip(self.stage.look().await) {
            check(window.count("headers=1.0.0") == window.requests, "a request was not served by 1.0.0")?;
            self.narrator.say(format!("{}: {} requests, all by 1.0.0", tenant.id, grouped(window.requests)))?;
        }
        Ok(())
    }

    async fn roll_out(&mut self) -> Result<(), Failure> {
        self.narrator.step("Roll out headers 1.1.0 in steps; users stick to their version by header")?;
        self.narrator
            .say("the demo moves the weights by hand; strategies that decide by themselves come in a later version")?;
        let mut deployment: Option<String> = None;
        for percent in [5, 25, 50, 100] {
            let shares = [("1.0.0", 100 - percent), ("1.1.0", percent)];
            let shares = if percent == 100 { &shares[1..] } else { &shares[..] };
            let deployed = match &deployment {
                None => self.stage.operator.deploy("headers", shares, &[]).await?,
                Some(id) => self.stage.operator.weights(id, shares).await?,
            };
            deployment = Some(deployed.id);
            self.stage.let_follow().await?;
            let [shop, blog] = self.stage.look().await;
            let back = shop.moved("headers=1.1.0", "headers=1.0.0") + blog.moved("headers=1.1.0", "headers=1.0.0");
            check(back == 0, "a user went back to the old version while its share grew")?;
            for window in [&shop, &blog] {
                check(
                    near(window, "headers=1.1.0", percent, self.stage.pace.users),
                    "the shares are far from the weights",
                )?;
            }
            let (shop, blog) = (shop.share("headers=1.1.0"), blog.share("headers=1.1.0"));
            self.narrator.say(format!(
                "weight {percent:>3} %: shop {shop:.1} %, blog {blog:.1} % of requests; nobody went back"
            ))?;
        }
        Ok(())
    }

    /// The bad version panics in every response it touches.
    async fn deploy_bad(&mut self) -> Result<String, Failure> {
        self.narrator
            .step(&format!("Deploy a bad version: bad 1.1.0 to {BAD_SHARE} % of shop and lab, not to blog"))?;
        let shares = [("1.0.0", 100 - BAD_SHARE), ("1.1.0", BAD_SHARE)];
        let deployed = self.stage.operator.deploy("bad", &shares, &[SHOP.id, LAB.id]).await?;
        self.stage.let_follow().await?;
        let [shop, blog] = self.stage.look().await;
        let (hit, missing) = (shop.count("bad=1.1.0"), shop.missing("bad=1.1.0"));
        check(hit > 0 && missing == hit, "the bad version did not fail as it should")?;
        check(blog.count("bad=1.1.0") == 0 && blog.missing("bad=1.0.0") == 0, "the other tenant was touched")?;
        self.narrator.say(format!(
            "shop, policy open: {} of {} requests met it; it trapped, the policy let them pass without it",
            grouped(hit),
            grouped(shop.requests)
        ))?;
        self.narrator.say(format!("blog: {} requests, none met it", grouped(blog.requests)))?;
        self.probe_lab().await?;
        Ok(deployed.id)
    }

    async fn probe_lab(&mut self) -> Result<(), Failure> {
        let mut closed = 0;
        for user in 0..PROBES {
            match self.stage.probe(&LAB, user).await? {
                200 => {}
                503 => closed += 1,
                other => return Err(Failure::failed("probe lab", format!("status {other}"))),
            }
        }
        check(closed > 0 && closed < PROBES, "the policy `closed` did not answer its share with 503")?;
        self.narrator
            .say(format!("lab, policy closed: {closed} of {PROBES} single requests got 503, as that policy says;"))?;
        self.narrator.say("lab has no continuous traffic, and these are not part of the count at the end")
    }

    async fn roll_back(&mut self, deployment: &str) -> Result<(), Failure> {
        self.narrator.step("Roll back by hand")?;
        let called = Instant::now();
        let rolled_back = self.stage.operator.roll_back(deployment).await?;
        self.stage.let_follow().await?;
        let [shop, _] = self.stage.look().await;
        check(shop.count("bad=1.1.0") == 0, "the bad version still serves after the rollback")?;
        let last =
            self.stage.tally.last_seen(SHOP.host, "bad=1.1.0").map(|last| last.saturating_duration_since(called));
        self.narrator.say(format!(
            "last answer of the bad version {:.1} ms after the call; acknowledged after {:.1} ms",
            last.unwrap_or_default().as_secs_f64() * 1e3,
            rolled_back.took.as_secs_f64() * 1e3,
        ))?;
        self.narrator.say(format!("{} requests of shop since then, none by it", grouped(shop.requests)))
    }

    async fn split_two(&mut self) -> Result<(), Failure> {
        self.narrator.step("A/B: headers 1.0.0 and 1.1.0 half and half")?;
        self.stage.operator.deploy("headers", &[("1.0.0", 50), ("1.1.0", 50)], &[]).await?;
        self.stage.let_follow().await?;
        self.stage.tally.forget_users();
        for (tenant, window) in [&SHOP, &BLOG].into_iter().zip(self.stage.look().await) {
            check(window.moves.is_empty(), "a user changed sides")?;
            let (a, b) = (window.share("headers=1.0.0"), window.share("headers=1.1.0"));
            self.narrator.say(format!("{}: {a:.1} % and {b:.1} %; no user changed sides", tenant.id))?;
        }
        Ok(())
    }

    async fn swap_many(&mut self) -> Result<(), Failure> {
        let swaps = self.stage.pace.swaps;
        self.narrator.step(&format!("Swap the version of headers {swaps} times under traffic"))?;
        let before = resident(&self.stage.operator.node().await?);
        let mut slowest = Duration::ZERO;
        let started = Instant::now();
        for swap in 0..swaps {
            let version = if swap % 2 == 0 { "1.0.0" } else { "1.1.0" };
            let deployed = self.stage.operator.deploy("headers", &[(version, 100)], &[]).await?;
            slowest = slowest.max(deployed.took);
        }
        let took = started.elapsed();
        let requests: u64 = self.stage.look().await.iter().map(|window| window.requests).sum();
        let after = resident(&self.stage.operator.node().await?);
        self.narrator.say(format!(
            "{swaps} swaps in {:.1} s, each acknowledged by the node, the slowest after {} ms; {} requests meanwhile",
            took.as_secs_f64(),
            slowest.as_millis(),
            grouped(requests)
        ))?;
        self.narrator.say(format!(
            "memory of the whole process: {} before, {} after",
            mebibytes(before),
            mebibytes(after)
        ))
    }
}

/// Both filters. The second is good in every version but 1.1.0.
fn path(failure_policy: &str) -> Value {
    let stickiness = json!({ "header": USER_HEADER });
    json!([
        {
            "plugin": "headers", "order": 1, "failurePolicy": failure_policy, "stickiness": stickiness,
            "config": { "version_header": HEADERS_MARK },
        },
        {
            "plugin": "bad", "order": 2, "failurePolicy": failure_policy, "stickiness": stickiness,
            "config": { "mode": "trap", "phase": "response", "only_version": "1.1.0" },
        },
    ])
}

/// Within five standard deviations of what users drawn at random would give.
fn near(window: &Window, choice: &str, percent: u32, users: u32) -> bool {
    let meant = f64::from(percent) / 100.0;
    let drawn = window.requests.clamp(1, u64::from(users)) as f64;
    let deviation = (meant * (1.0 - meant) / drawn).sqrt();
    (window.share(choice) / 100.0 - meant).abs() <= 5.0 * deviation
}

fn resident(node: &Value) -> u64 {
    node["residentBytes"].as_u64().unwrap_or_default()
}
