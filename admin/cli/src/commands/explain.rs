//! `switchyard explain`: which versions would serve a request, and why.

use super::Context;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, fields, items, table};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Host the request would be for
    #[arg(long)]
    pub host: String,
    /// Header of the request as name=value; may be given again
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    pub headers: Vec<String>,
    /// Address of the client, for splits that stick to it
    #[arg(long, value_name = "ADDRESS")]
    pub client: Option<std::net::IpAddr>,
}

fn header(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("a header is given as name=value".to_owned()),
    }
}

pub async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let client = args.client.map(|address| address.to_string());
    let mut query = vec![("host", args.host.as_str())];
    query.extend(args.headers.iter().map(|header| ("header", header.as_str())));
    query.extend(client.iter().map(|address| ("client", address.as_str())));
    let tried = format!("explain a request for {}", args.host);
    let answer = context.client.get(&tried, &["explain"], &query).await?;
    context.output.answer(&answer, |answer| {
        let choices = table(items(&answer["plugins"]), CHOICES, "no plugin is on this tenant's path");
        format!("{}\n{choices}", fields(answer, TENANT))
    })
}

const TENANT: &[Column] = &[column!("tenant", "/tenant"), column!("host", "/host"), column!("generation", "/generation")];
const CHOICES: &[Column] = &[
    column!("PLUGIN", "/plugin"),
    column!("VERSION", "/version"),
    column!("WHY", "/why"),
];
