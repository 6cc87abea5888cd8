//! One file per group of commands. Each parses its arguments, asks the admin API, and shows the
//! answer; what is decided, the server decides.

pub mod audit;
pub mod deploy;
pub mod deployment;
pub mod explain;
pub mod filter;
pub mod plugin;
mod split;
pub mod status;
pub mod tenant;
pub mod token;

use crate::arguments::{ClientCommand, Globals};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// What every client command works with.
pub struct Context {
    pub client: Client,
    pub output: Output,
}

impl Context {
    pub fn of(globals: &Globals) -> Result<Self, Failure> {
        Ok(Self { client: Client::from(globals)?, output: Output { json: globals.json } })
    }
}

pub async fn run(command: ClientCommand, context: &Context) -> Result<(), Failure> {
    match command {
        ClientCommand::Status => status::status(context).await,
        ClientCommand::Nodes => status::nodes(context).await,
        ClientCommand::Plugin(command) => plugin::run(command, context).await,
        ClientCommand::Tenant(command) => tenant::run(command, context).await,
        ClientCommand::Deploy(args) => deploy::run(args, context).await,
        ClientCommand::Swap(args) => deploy::swap(args, context).await,
        ClientCommand::Rollback(args) => deploy::rollback(args, context).await,
        ClientCommand::Deployment(command) => deployment::run(command, context).await,
        ClientCommand::Audit(command) => audit::run(command, context).await,
        ClientCommand::Explain(args) => explain::run(args, context).await,
        ClientCommand::Token(command) => token::run(command, context).await,
    }
}
