//! The inbox of phones and peers: what they have received, for tests.

use std::collections::BTreeSet;

use wacore_binary::Jid;
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::signal::party::EncKind;
use crate::wire::content;
use crate::wire::content::text_of;

/// A message that a phone or a peer has received, decrypted.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Received {
    /// The message's id.
    pub id: String,
    /// The sender's number.
    pub from: String,
    /// The sender's device.
    pub device: u16,
    /// The chat: a group, the sender, or, for a companion's copy on the phone, the recipient.
    pub chat: String,
    /// Its text, if it has any.
    pub text: Option<String>,
    /// Seconds until it disappears; `None` if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u32>,
    /// The receiver's devices that have decrypted it.
    pub opened_at: BTreeSet<u16>,
    /// `pkmsg`, `msg` or `skmsg`; `plain` between two parties of the simulator.
    pub kind: &'static str,
    /// Seconds since 1970.
    pub at: u64,
    /// The result of downloading and decrypting its file; `None` if it has none, or if the simulator made it.
    #[serde(skip)]
    pub media: Option<Result<(), String>>,
    /// Its position among all messages.
    #[serde(skip)]
    pub(crate) place: u64,
    /// The whole message.
    #[serde(skip)]
    pub message: wa::Message,
}

impl Received {
    pub(crate) fn plain(
        id: &str,
        (from, device): &DeviceId,
        chat: &Jid,
        message: &wa::Message,
    ) -> Self {
        Self {
            id: id.to_owned(),
            from: from.to_string(),
            device: *device,
            chat: chat.to_string(),
            text: text_of(message),
            expiration: content::expiration(message),
            opened_at: BTreeSet::new(),
            kind: "plain",
            at: unix_now(),
            media: None,
            place: crate::id::place(),
            message: message.clone(),
        }
    }

    pub(crate) fn opened(
        id: &str,
        from: &DeviceId,
        chat: &Jid,
        kind: EncKind,
        message: &wa::Message,
    ) -> Self {
        Self {
            kind: kind.as_str(),
            ..Self::plain(id, from, chat, message)
        }
    }
}

/// A receipt that a phone or a peer has received.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Receipt {
    /// The message's id.
    pub id: String,
    /// The number that sent the receipt.
    pub from: String,
    /// `delivery`, `read` or another type, as on the wire.
    #[serde(rename = "type")]
    pub kind: String,
}
