//! The story: what a release engineer does in a bad week, in half a minute. Every finding is checked
//! where it must hold; a check that fails ends the demo with exit code 1.

use super::api::{Operator, Tenant};
use super::filters::Built;
use super::load::{HEADERS_MARK, Load, USER_HEADER};
use super::narrate::{Narrator, grouped};
use super::origin::expected_body;
use super::tally::{Tally, Window};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::mebibytes;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHOP: Tenant = Tenant { id: "shop", host: "shop.example" };
const BLOG: Tenant = Tenant { id: "blog", host: "blog.example" };
/// Has no continuous traffic: its policy lets a bad version fail requests, and that is shown apart.
const LAB: Tenant = Tenant { id: "lab", host: "lab.example" };
/// Connections that ask without a pause, for each of the two tenants.
const CONNECTIONS: u32 = 3;
const PROBES: u32 = 60;
/// The share of traffic the bad version gets, in percent.
const BAD_SHARE: u32 = 10;

/// How long the story takes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A look at the traffic.
    pub look: Duration,
    pub swaps: u32,
}

impl Pace {
    pub const FULL: Self = Self { look: Duration::from_millis(1_500), swaps: 100 };
    pub const QUICK: Self = Self { look: Duration::from_millis(400), swaps: 10 };
}

pub struct Story<'a> {
    operator: Operator<'a>,
    edge: SocketAddr,
    origin: SocketAddr,
    narrator: &'a mut Narrator,
    pace: Pace,
    tally: Arc<Tally>,
    load: Option<Load>,
}

impl<'a> Story<'a> {
    pub fn new(
        client: &'a Client,
        edge: SocketAddr,
        origin: SocketAddr,
        narrator: &'a mut Narrator,
        pace: Pace,
    ) -> Self {
        Self { operator: Operator(client), edge, origin, narrator, pace, tally: Arc::default(), load: None }
    }

    pub async fn tell(&mut self, built: Built) -> Result<(), Failure> {
        self.begin_traffic().await?;
        self.register(built).await?;
        self.deploy_directly().await?;
        self.roll_out().await?;
        let bad = self.deploy_bad().await?;
        self.roll_back(&bad).await?;
        self.split_two().await?;
        self.swap_many().await
    }

    /// All requests, the failed ones, and why they failed; nothing is in flight any more.
    pub async fn end(mut self) -> (u64, u64, Vec<String>) {
        if let Some(load) = self.load.take() {
            load.stop().await;
        }
        self.tally.totals()
    }

    async fn begin_traffic(&mut self) -> Result<(), Failure> {
        self.narrator.step("Start the product and traffic for two tenants")?;
        for tenant in [&SHOP, &BLOG, &LAB] {
            self.operator.tenant(tenant, self.origin, json!([])).await?;
        }
        self.narrator.say(format!("proxy {}, admin API in the same process, origin {}", self.edge, self.origin))?;
        self.wait_for_routes().await?;
        self.load = Some(Load::start(self.edge, &[SHOP.host, BLOG.host], CONNECTIONS, &self.tally));
        for window in self.look().await {
            check(window.requests > 0, "no traffic flows")?;
        }
        self.narrator.say(format!(
            "{} connections ask without a pause; every answer is checked; no filter is on the path yet",
            2 * CONNECTIONS
        ))
    }

    /// Setting a tenant is acknowledged by the store; the node follows a moment later.
    async fn wait_for_routes(&self) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let status = self.probe(&SHOP, 0).await?.0;
            if status == 200 && self.probe(&BLOG, 0).await?.0 == 200 {
                return Ok(());
            }
            check(Instant::now() < until, "the tenants are not served after 10 s")?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn register(&mut self, built: Built) -> Result<(), Failure> {
        self.narrator.step("Upload: every version is checked and compiled before it is stored")?;
        let refused = self.operator.register(b"not a filter".to_vec()).await;
        let refused =
            refused.err().ok_or_else(|| Failure::failed("go on", "an upload that is no filter was accepted"))?;
        self.narrator.say(format!("not a filter: refused, {}", refused.wrong.join("; ")))?;
        for (plugin, components) in [("headers", built.headers), ("bad", built.bad)] {
            for component in components {
                let started = Instant::now();
                let version = self.operator.register(component).await?;
                self.narrator.say(format!("{plugin} {version}: registered in {} ms", started.elapsed().as_millis()))?;
            }
        }
        Ok(())
    }

    async fn deploy_directly(&mut self) -> Result<(), Failure> {
        self.narrator.step("Deploy headers 1.0.0 to everyone at once")?;
        let headers = self.operator.deploy("headers", &[("1.0.0", 100)], &[]).await?;
        self.operator.deploy("bad", &[("1.0.0", 100)], &[]).await?;
        for (tenant, policy) in [(&SHOP, "open"), (&BLOG, "open"), (&LAB, "closed")] {
            self.operator.tenant(tenant, self.origin, path(policy)).await?;
        }
        self.narrator.say(format!("served by the node {} ms after the call", headers.took.as_millis()))?;
        self.settle(&[SHOP.host, BLOG.host], "headers=1.0.0").await?;
        for (tenant, window) in [&SHOP, &BLOG].into_iter().zip(self.look().await) {
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
                None => self.operator.deploy("headers", shares, &[]).await?,
                Some(id) => self.operator.weights(id, shares).await?,
            };
            deployment = Some(deployed.id);
            self.settle_window().await;
            let [shop, blog] = self.look().await;
            let back = shop.moved("headers=1.1.0", "headers=1.0.0") + blog.moved("headers=1.1.0", "headers=1.0.0");
            check(back == 0, "a user went back to the old version while its share grew")?;
            let (shop, blog) = (shop.share("headers=1.1.0"), blog.share("headers=1.1.0"));
            let meant = f64::from(percent);
            check((shop - meant).abs() < 9.0 && (blog - meant).abs() < 9.0, "the shares are far from the weights")?;
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
        let deployed = self.operator.deploy("bad", &shares, &[SHOP.id, LAB.id]).await?;
        self.settle_window().await;
        let [shop, blog] = self.look().await;
        let (hit, missing) = (shop.count("bad=1.1.0"), shop.missing("bad=1.1.0"));
        check(hit > 0 && missing == hit, "the bad version did not fail as it should")?;
        check(blog.count("bad=1.1.0") == 0 && blog.missing("bad=1.0.0") == 0, "the other tenant was touched")?;
        self.narrator.say(format!(
            "shop, policy open: {} of {} requests met it; it trapped, the policy let them pass without it",
            grouped(hit),
            grouped(shop.requests)
        ))?;
        self.narrator.say(format!("blog: {} requests, none met it", grouped(blog.requests)))?;
        let mut statuses = [0_u32; 2];
        for user in 0..PROBES {
            match self.probe(&LAB, user).await?.0 {
                200 => statuses[0] += 1,
                503 => statuses[1] += 1,
                other => return Err(Failure::failed("probe lab", format!("status {other}"))),
            }
        }
        self.narrator.say(format!(
            "lab, policy closed: {} of {PROBES} probes got 503, as that policy says; they are not part of the count below",
            statuses[1]
        ))?;
        Ok(deployed.id)
    }

    async fn roll_back(&mut self, deployment: &str) -> Result<(), Failure> {
        self.narrator.step("Roll back by hand")?;
        let called = Instant::now();
        let rolled_back = self.operator.roll_back(deployment).await?;
        self.settle_window().await;
        let [shop, _] = self.look().await;
        check(shop.count("bad=1.1.0") == 0, "the bad version still serves after the rollback")?;
        let last = self.tally.last_seen(SHOP.host, "bad=1.1.0").map(|last| last.saturating_duration_since(called));
        self.narrator.say(format!(
            "last answer of the bad version {:.1} ms after the call, acknowledged after {:.1} ms; {} requests since, none by it",
            last.unwrap_or_default().as_secs_f64() * 1e3,
            rolled_back.took.as_secs_f64() * 1e3,
            grouped(shop.requests)
        ))
    }

    async fn split_two(&mut self) -> Result<(), Failure> {
        self.narrator.step("A/B: headers 1.0.0 and 1.1.0 half and half")?;
        self.operator.deploy("headers", &[("1.0.0", 50), ("1.1.0", 50)], &[]).await?;
        self.settle_window().await;
        for (tenant, window) in [&SHOP, &BLOG].into_iter().zip(self.look().await) {
            check(window.moves.is_empty(), "a user changed sides")?;
            let (a, b) = (window.share("headers=1.0.0"), window.share("headers=1.1.0"));
            self.narrator.say(format!("{}: {a:.1} % and {b:.1} %; no user changed sides", tenant.id))?;
        }
        Ok(())
    }

    async fn swap_many(&mut self) -> Result<(), Failure> {
        let swaps = self.pace.swaps;
        self.narrator.step(&format!("Swap the version of headers {swaps} times under traffic"))?;
        let before = resident(&self.operator.node().await?);
        let mut slowest = Duration::ZERO;
        let started = Instant::now();
        for swap in 0..swaps {
            let version = if swap % 2 == 0 { "1.0.0" } else { "1.1.0" };
            let deployed = self.operator.deploy("headers", &[(version, 100)], &[]).await?;
            slowest = slowest.max(deployed.took);
        }
        let took = started.elapsed();
        let requests: u64 = self.look().await.iter().map(|window| window.requests).sum();
        let after = resident(&self.operator.node().await?);
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

    /// What both tenants are answered while one look lasts.
    async fn look(&self) -> [Window; 2] {
        tokio::time::sleep(self.pace.look).await;
        [SHOP, BLOG].map(|tenant| self.tally.window(tenant.host))
    }

    /// Requests that were under way when a change was acknowledged may still finish on the old
    /// choice: they are let through and not looked at.
    async fn settle_window(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        for tenant in [SHOP, BLOG] {
            self.tally.window(tenant.host);
        }
    }

    /// Waits until every host is answered by that choice alone.
    async fn settle(&self, hosts: &[&'static str], choice: &str) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_secs(10);
        for host in hosts {
            loop {
                self.tally.window(host);
                tokio::time::sleep(Duration::from_millis(50)).await;
                let window = self.tally.window(host);
                if window.requests > 0 && window.count(choice) == window.requests {
                    break;
                }
                check(Instant::now() < until, &format!("{host} is not served by {choice} after 10 s"))?;
            }
        }
        Ok(())
    }

    /// One request apart from the traffic. Gives status and body.
    async fn probe(&self, tenant: &Tenant, user: u32) -> Result<(u16, String), Failure> {
        let url = format!("http://{}/probe", self.edge);
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map(|client| client.get(url).header("host", tenant.host).header(USER_HEADER, user.to_string()));
        let tried = "send a probe";
        let answer = request.map_err(|error| Failure::from_chain(tried, &error))?.send().await;
        let answer = answer.map_err(|error| Failure::from_chain(tried, &error))?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(|error| Failure::from_chain(tried, &error))?;
        check(status != 200 || body == expected_body(tenant.host, "/probe"), "a probe got another's answer")?;
        Ok((status, body))
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

fn resident(node: &Value) -> u64 {
    node["residentBytes"].as_u64().unwrap_or_default()
}

/// What must hold for the demo to go on.
fn check(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::failed("go on with the demo", otherwise)) }
}
