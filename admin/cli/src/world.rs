//! The whole product in one process: the filter host, the admin plane and the proxy, wired by the
//! in-process feed. `serve` and `demo` run the same world.

use crate::config::settings::Settings;
use crate::data_dir::{DataDir, Held};
use crate::failure::Failure;
use prometheus::Registry;
use std::net::SocketAddr;
use std::sync::Arc;
use switchyard_admin::Admin;
use switchyard_contract::feed::Feed;
use switchyard_proxy::{Edge, EdgeSettings, ProxyTelemetry};
use switchyard_runtime::Runtime;

/// Everything that runs. Ends well only through `stop`.
pub struct World {
    pub edge: Edge,
    pub admin: Admin,
    data_dir: DataDir,
    _held: Held,
}

impl World {
    /// Starts in the order of need: the folder, the filter host, the admin plane, the proxy. What
    /// was started when a later part fails is stopped again.
    pub async fn start(settings: Settings) -> Result<Self, Failure> {
        let held = settings.data_dir.hold()?;
        let registry = Registry::new();
        let telemetry =
            ProxyTelemetry::new(&registry).map_err(|error| Failure::from_chain("register metrics", &error))?;
        let runtime = Runtime::start(settings.runtime, Arc::new(telemetry)).map_err(|error| {
            Failure::from_chain("start the filter host", &error)
                .advise("lower filters.instances_max or filters.memory_mib_max where the machine has less room")
        })?;
        let admin_listen = settings.admin.listen;
        let admin = Admin::start(settings.admin, runtime.clone(), registry.clone()).await.map_err(|error| {
            Failure::from_chain(format!("start the admin plane on {admin_listen}"), &error)
                .advise("is the address in use? admin.listen in the configuration names another")
        })?;
        let edge = match start_edge(settings.edge, runtime, admin.feed(), registry).await {
            Ok(edge) => edge,
            Err(failure) => {
                admin.stop().await;
                return Err(failure);
            }
        };
        let world = Self { edge, admin, data_dir: settings.data_dir, _held: held };
        match world.data_dir.tell_admin_address(world.admin.address()) {
            Ok(()) => Ok(world),
            Err(failure) => {
                world.stop().await;
                Err(failure)
            }
        }
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    pub fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// The proxy finishes what it began, then the admin plane goes.
    pub async fn stop(self) {
        self.data_dir.forget_admin_address();
        self.edge.stop().await;
        self.admin.stop().await;
    }
}

/// It opens files and sockets and starts threads: not for a thread that serves the admin API.
async fn start_edge(
    settings: EdgeSettings,
    runtime: Runtime,
    feed: Arc<dyn Feed>,
    registry: Registry,
) -> Result<Edge, Failure> {
    let tried = "start the proxy";
    let started = tokio::task::spawn_blocking(move || Edge::start(settings, runtime, feed, &registry)).await;
    started.map_err(|error| Failure::from_chain(tried, &error))?.map_err(|error| {
        Failure::from_chain(tried, &error)
            .advise("is an address in use? edge.http and edge.https in the configuration name others")
    })
}
