//! `consumers`: the named cursors that the agent stores.

use openclaw_proto::v1::{Consumer, ListConsumersRequest, RemoveConsumerRequest};
use serde::Serialize;

use crate::address::Address;
use crate::cli::{ConsumersArgs, ConsumersCommand};
use crate::failure::{Exit, Failure};
use crate::render::time::ago;
use crate::text::one_line;
use crate::{client, clock, console};
use client::pages;

pub(crate) async fn run(
    address: &Address,
    args: &ConsumersArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    match &args.command {
        None | Some(ConsumersCommand::List) => {
            let page = async |page_token| {
                let page_size = 0;
                let request = ListConsumersRequest {
                    page_size,
                    page_token,
                };
                client::answer(address, agent.list_consumers(request)).await
            };
            let listed = pages::all(page).await?;
            for consumer in listed.consumers {
                if json {
                    console::json(&consumer)?;
                } else {
                    console::line(&line(&consumer))?;
                }
            }
        }
        Some(ConsumersCommand::Remove { name }) => {
            let consumer = name.clone();
            let call = agent.remove_consumer(RemoveConsumerRequest { consumer });
            client::answer(address, call).await?;
            if json {
                console::report_json(&Removed { removed: name });
            } else {
                console::report(&format!("Removed: {}", one_line(name)));
            }
        }
    }
    Ok(Exit::Done)
}

/// `billing       18204   4 s ago`
fn line(consumer: &Consumer) -> String {
    let Consumer {
        name,
        seq,
        acked_at,
    } = consumer;
    let age = acked_at.map_or_else(String::new, |at| ago(at, clock::now()));
    format!("{:<20} {seq:<6} {age}", one_line(name))
        .trim_end()
        .to_owned()
}

#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}
