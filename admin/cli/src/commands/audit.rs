//! `switchyard audit`: who did what, and whether the record is whole.

use super::Context;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, items, plain, table};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what was done, the newest first
    List {
        /// At most this many entries
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Recompute the chain of hashes over the whole log; exit code 3 where it is broken
    ///
    /// The hash of the newest entry, kept elsewhere, proves later that nothing before it was rewritten.
    Verify,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let Context { client, output } = context;
    match command {
        Command::List { limit } => {
            let answer = client.list("read the audit log", &["audit"], limit).await?;
            output.answer(&answer, |answer| table(items(answer), ENTRIES, "nothing was done yet"))
        }
        Command::Verify => {
            let tried = "verify the audit log";
            let answer = client.get(tried, &["audit", "verify"], &[]).await?;
            output.answer(&answer, |answer| match answer["intact"].as_bool() {
                Some(true) => format!(
                    "the audit log is whole: {} entries, the newest has hash {}\n",
                    answer["rowsVerified"],
                    plain(&answer["head"])
                ),
                _ => String::new(),
            })?;
            if answer["intact"] == true {
                return Ok(());
            }
            Err(Failure::refused(tried, vec![format!("entry {}: {}", answer["brokenAt"], plain(&answer["reason"]))])
                .advise("somebody or something changed the store outside Switchyard: restore it from a backup"))
        }
    }
}

const ENTRIES: &[Column] = &[
    column!("SEQ", "/seq"),
    column!("TIME", "/at"),
    column!("ACTOR", "/actor"),
    column!("ACTION", "/action"),
    column!("SUBJECT", "/subject"),
];
