//! `switchyard explain`: which versions would serve a request, and why.

use super::Context;
use super::split::shares;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, fields, items, table};
use std::net::IpAddr;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Host the request would be for
    #[arg(long)]
    host: String,
    /// Value of the cookie the split sticks to, where it sticks to one
    #[arg(long, value_name = "VALUE")]
    cookie: Option<String>,
    /// Value of the header the split sticks to, where it sticks to one
    #[arg(long, value_name = "VALUE")]
    header: Option<String>,
    /// Address of the client
    #[arg(long)]
    address: Option<IpAddr>,
}

pub async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let address = args.address.map(|address| address.to_string());
    let mut query = vec![("host", args.host.as_str())];
    for (name, value) in [("cookie", &args.cookie), ("header", &args.header), ("address", &address)] {
        query.extend(value.as_deref().map(|value| (name, value)));
    }
    let tried = format!("explain a request for {}", args.host);
    let answer = context.client.get(&tried, &["explain"], &query).await?;
    context.output.answer(&answer, |answer| {
        let choices = table(items(&answer["filters"]), CHOICES, "no plugin is on this tenant's path");
        format!("{}\n{choices}", fields(answer, TENANT))
    })
}

const TENANT: &[Column] =
    &[column!("tenant", "/tenant"), column!("host", "/host"), column!("generation", "/generation")];
const CHOICES: &[Column] = &[
    column!("PLUGIN", "/plugin"),
    column!("VERSION", "/version"),
    column!("OF", |filter| shares(&filter["versions"])),
    column!("WHY", "/why"),
];
