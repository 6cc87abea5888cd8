//! What the story plays on: the product under traffic, and looks at what its clients see.

use super::api::{Operator, Tenant};
use super::load::{Load, USER_HEADER};
use super::origin::expected_body;
use super::tally::{Tally, Window};
use crate::client::Client;
use crate::failure::Failure;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const SHOP: Tenant = Tenant { id: "shop", host: "shop.example" };
pub const BLOG: Tenant = Tenant { id: "blog", host: "blog.example" };
/// Has no continuous traffic: its policy lets a bad version fail requests, and that is shown apart.
pub const LAB: Tenant = Tenant { id: "lab", host: "lab.example" };
/// Connections that ask without a pause, for each of the two tenants.
pub const CONNECTIONS: u32 = 3;
/// What a change may take until all traffic follows it, on a machine that has much else to do.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(10);

/// How long the story takes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A look at the traffic.
    pub look: Duration,
    pub swaps: u32,
    /// Users of each tenant: few enough that each comes back while one look lasts.
    pub users: u32,
}

impl Pace {
    pub const FULL: Self = Self { look: Duration::from_millis(1_500), swaps: 100, users: 600 };
    pub const QUICK: Self = Self { look: Duration::from_millis(400), swaps: 10, users: 90 };
}

pub struct Stage<'a> {
    pub operator: Operator<'a>,
    pub edge: SocketAddr,
    pub origin: SocketAddr,
    pub pace: Pace,
    pub tally: Arc<Tally>,
    load: Option<Load>,
}

impl<'a> Stage<'a> {
    pub fn new(client: &'a Client, edge: SocketAddr, origin: SocketAddr, pace: Pace) -> Self {
        Self { operator: Operator(client), edge, origin, pace, tally: Arc::default(), load: None }
    }

    /// Traffic for shop and blog, from when both are served.
    pub async fn begin_traffic(&mut self) -> Result<(), Failure> {
        self.wait_for_routes().await?;
        self.load = Some(Load::start(self.edge, &[SHOP.host, BLOG.host], CONNECTIONS, self.pace.users, &self.tally));
        Ok(())
    }

    /// All requests, the failed ones, and why they failed; nothing is in flight any more.
    pub async fn end(mut self) -> (u64, u64, Vec<String>) {
        if let Some(load) = self.load.take() {
            load.stop().await;
        }
        self.tally.totals()
    }

    /// Setting a tenant is acknowledged by the store; the node follows a moment later.
    async fn wait_for_routes(&self) -> Result<(), Failure> {
        let until = Instant::now() + FOLLOWED_WITHIN;
        for tenant in [&SHOP, &BLOG, &LAB] {
            while self.probe(tenant, 0).await? != 200 {
                check(Instant::now() < until, "the tenants are not served in time")?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// What both tenants are answered while one look lasts.
    pub async fn look(&self) -> [Window; 2] {
        tokio::time::sleep(self.pace.look).await;
        [SHOP, BLOG].map(|tenant| self.tally.window(tenant.host))
    }

    /// After an acknowledgement: lets requests that began before it end, then starts a new window.
    pub async fn let_follow(&self) -> Result<(), Failure> {
        let turned_over = match &self.load {
            Some(load) => tokio::time::timeout(FOLLOWED_WITHIN, load.turn_over()).await.is_ok(),
            None => true,
        };
        check(turned_over, &format!("requests take longer than {FOLLOWED_WITHIN:?}"))?;
        for tenant in [SHOP, BLOG] {
            self.tally.window(tenant.host);
        }
        Ok(())
    }

    /// Waits until every host is answered by that choice alone: putting a plugin on a path is not
    /// acknowledged by the nodes.
    pub async fn follows(&self, hosts: &[&'static str], choice: &str) -> Result<(), Failure> {
        let until = Instant::now() + FOLLOWED_WITHIN;
        for host in hosts {
            loop {
                self.let_follow().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                let window = self.tally.window(host);
                if window.requests > 0 && window.count(choice) == window.requests {
                    break;
                }
                check(Instant::now() < until, &format!("{host} is not served by {choice} in time"))?;
            }
        }
        Ok(())
    }

    /// One request apart from the traffic. Gives its status; an answer must be its own.
    pub async fn probe(&self, tenant: &Tenant, user: u32) -> Result<u16, Failure> {
        let failed = |error: reqwest::Error| Failure::from_chain("send a single request", &error);
        let client = reqwest::Client::builder().no_proxy().build().map_err(failed)?;
        let request = client.get(format!("http://{}/probe", self.edge)).header("host", tenant.host);
        let answer = request.header(USER_HEADER, user.to_string()).send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(failed)?;
        check(status != 200 || body == expected_body(tenant.host, "/probe"), "a request got another's answer")?;
        Ok(status)
    }
}

/// What must hold for the demo to go on.
pub fn check(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::failed("go on with the demo", otherwise)) }
}
