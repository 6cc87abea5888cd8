//! The command line. Its help texts are the reference of the program; the answers are in `commands`.

use crate::commands::{audit, deploy, deployment, explain, filter, plugin, tenant, token};
use crate::{demo, serve};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The subcommand that compiles.
pub const COMPILE: &str = "__compile";

/// Edge reverse proxy whose tenants' WebAssembly filters are swapped while traffic flows.
///
/// `switchyard serve` runs the proxy and its admin plane; every other command talks to the admin
/// API of a running server. On the machine of the server, commands find it through its data folder;
/// elsewhere, name it with --admin and --token.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, max_term_width = 100)]
#[command(after_long_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused.\n\n\
Examples:\n  \
switchyard demo\n  \
switchyard serve --data-dir /var/lib/switchyard\n  \
switchyard filter build filters/headers && switchyard plugin register headers-1.0.0.wasm\n  \
switchyard tenant set -f shop.toml\n  \
switchyard deploy --plugin headers --split 1.0.0=95,1.1.0=5 --tenant shop\n  \
switchyard rollback --name headers")]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// Address of the admin API, such as http://127.0.0.1:7070 [default: the server of the data folder]
    #[arg(long, global = true, value_name = "URL", env = "SWITCHYARD_ADMIN", hide_env_values = true)]
    pub admin: Option<String>,
    /// Token for the admin API [default: the admin token in the data folder]
    #[arg(long, global = true, value_name = "TOKEN", env = "SWITCHYARD_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Folder with all state of a server [default: node.data_dir of conf/switchyard.toml, else data]
    #[arg(long, global = true, value_name = "DIR", env = "SWITCHYARD_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
    /// Answer in JSON: the API's own answers on stdout, errors as one JSON line on stderr
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    // What has arguments is explained where they are.
    Serve(serve::Args),
    Demo(demo::Args),
    #[command(flatten)]
    Client(ClientCommand),
    /// Build filters from source and look into built ones
    #[command(subcommand)]
    Filter(filter::Command),
    /// Print a completion script for a shell
    ///
    /// bash: switchyard completions bash > ~/.local/share/bash-completion/completions/switchyard
    Completions {
        shell: clap_complete::Shell,
    },
    /// Compile one component from stdin to stdout; the server runs this as a limited process.
    #[command(name = COMPILE, hide = true)]
    Compile {
        job: String,
    },
}

/// What talks to a running server.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Show whether the server is well: generation, nodes, refusals, versions that serve
    Status,
    /// List the nodes with their load
    Nodes,
    /// Register, look at and delete plugins and their versions
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Set up tenants: hosts, upstreams and the plugins on their path
    #[command(subcommand)]
    Tenant(tenant::Command),
    Deploy(deploy::Args),
    Swap(deploy::SwapArgs),
    Rollback(deploy::RollbackArgs),
    /// Look at deployments and move the weights of a split
    #[command(subcommand)]
    Deployment(deployment::Command),
    /// Read the audit log and check that nobody has tampered with it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Say which versions would serve a request, and why
    Explain(explain::Args),
    /// Create, list and revoke tokens for the admin API
    #[command(subcommand)]
    Token(token::Command),
}
