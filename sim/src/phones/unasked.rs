//! Stanzas that no contact sends: a channel's posts, which are not encrypted, and what a companion cannot open at all.

use buffa::Message as _;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::Number;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::content::text_message;

/// Meta AI's address.
const BOT: &str = "13135550002";

/// A channel that the account follows posts text. Returns the post's id.
pub(crate) fn post(shared: &Shared, account: &Number, channel: &str, text: &str) -> String {
    let id = crate::id::message();
    let plaintext = NodeBuilder::new("plaintext").bytes(text_message(text).encode_to_vec());
    let message = NodeBuilder::new("message")
        .attr("from", format!("{channel}@newsletter"))
        .attr("id", id.as_str())
        .attr("server_id", "100")
        .attr("t", unix_now())
        .attr("type", "text")
        .children([plaintext.build()]);
    let from = format!("{channel}@newsletter");
    give(shared, account, &id, &from, &message.build());
    id
}

/// A bot answers the phone, in an encryption whose secret companions do not have. Returns the answer's id.
pub(crate) fn answer_by_bot(shared: &Shared, account: &Number) -> String {
    let id = crate::id::message();
    let secret = waproto::whatsapp::MessageSecretMessage {
        version: Some(1),
        enc_iv: Some(vec![7; 12]),
        enc_payload: Some(vec![7; 48]),
    };
    let enc = NodeBuilder::new("enc")
        .attr("v", "2")
        .attr("type", "msmsg")
        .bytes(secret.encode_to_vec());
    let meta = NodeBuilder::new("meta").attr("target_id", "3EB0AAAAAAAAAAAAAAAA");
    let from = Jid::pn(BOT);
    let message = NodeBuilder::new("message")
        .attr("from", from.clone())
        .attr("id", id.as_str())
        .attr("t", unix_now())
        .attr("type", "text")
        .children([meta.build(), enc.build()]);
    give(
        shared,
        account,
        &id,
        &from.to_non_ad_string(),
        &message.build(),
    );
    id
}

fn give(shared: &Shared, account: &Number, id: &str, origin: &str, node: &Node) {
    let mut state = lock(&shared.state);
    for companion in state.companions_of(account) {
        let item = Item {
            class: Class::Message,
            id: id.to_owned(),
            origin: origin.to_owned(),
            node: node.clone(),
        };
        deliver(&mut state, &companion, item);
    }
    drop(state);
    shared.announce();
}
