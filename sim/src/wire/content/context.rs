//! What stands beside a message's content: what it quotes, whom it mentions, that it was forwarded or disappears; and the
//! preview of a link.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ExtendedTextMessage;

use super::described::Content;

/// The message that is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Its id.
    pub id: String,
    /// Who wrote it, as a JID.
    pub author: String,
    /// Where it is, as a JID, if that is another chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Box<Content>>,
}

/// What stands beside a message's content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// The message that is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// Who is mentioned, as JIDs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// How often it was forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<u32>,
    /// After how many seconds it disappears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u32>,
}

/// The preview of a link in a text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preview {
    /// The link, as the text has it.
    pub url: String,
    /// What the page is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the page says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Context {
    pub(crate) fn info(&self) -> wa::ContextInfo {
        let Self {
            quote,
            mentions,
            forwarded,
            expiration,
        } = self;
        let quoted = quote.as_ref().and_then(|quote| quote.content.as_ref());
        let quoted = quoted.and_then(|content| content.message().ok());
        wa::ContextInfo {
            stanza_id: quote.as_ref().map(|quote| quote.id.clone()),
            participant: quote.as_ref().map(|quote| quote.author.clone()),
            remote_jid: quote.as_ref().and_then(|quote| quote.chat.clone()),
            quoted_message: quoted.map(MessageField::some).unwrap_or_default(),
            mentioned_jid: mentions.clone(),
            forwarding_score: *forwarded,
            is_forwarded: forwarded.map(|_| true),
            expiration: *expiration,
            ..Default::default()
        }
    }

    pub(crate) fn of(info: &wa::ContextInfo) -> Self {
        let quote = info.stanza_id.clone().map(|id| Quote {
            id,
            author: info.participant.clone().unwrap_or_default(),
            chat: info.remote_jid.clone(),
            content: info
                .quoted_message
                .as_option()
                .map(|quoted| Box::new(Content::of(quoted))),
        });
        Self {
            quote,
            mentions: info.mentioned_jid.clone(),
            forwarded: info.forwarding_score,
            expiration: info.expiration.filter(|seconds| *seconds > 0),
        }
    }
}

impl Preview {
    pub(crate) fn of(text: &ExtendedTextMessage) -> Option<Self> {
        Some(Self {
            url: text.matched_text.clone()?,
            title: text.title.clone(),
            description: text.description.clone(),
        })
    }
}

/// Where a message keeps its context, if its kind has any. A plain text has to become an extended one first.
pub(crate) fn field_mut(message: &mut wa::Message) -> Option<&mut MessageField<wa::ContextInfo>> {
    macro_rules! first {
        ($($field:ident),*) => {
            $(if let Some(content) = message.$field.as_option_mut() {
                return Some(&mut content.context_info);
            })*
        };
    }
    first!(
        extended_text_message,
        image_message,
        video_message,
        ptv_message,
        audio_message,
        document_message,
        sticker_message,
        location_message,
        live_location_message,
        contact_message,
        contacts_array_message,
        group_invite_message,
        poll_creation_message,
        poll_creation_message_v2,
        poll_creation_message_v3,
        event_message,
        album_message,
        list_message,
        list_response_message,
        buttons_message,
        buttons_response_message,
        template_button_reply_message
    );
    None
}

/// [`field_mut`], read.
pub(crate) fn info(message: &wa::Message) -> Option<&wa::ContextInfo> {
    macro_rules! first {
        ($($field:ident),*) => {
            $(if let Some(content) = message.$field.as_option() {
                return content.context_info.as_option();
            })*
        };
    }
    first!(
        extended_text_message,
        image_message,
        video_message,
        ptv_message,
        audio_message,
        document_message,
        sticker_message,
        location_message,
        live_location_message,
        contact_message,
        contacts_array_message,
        group_invite_message,
        poll_creation_message,
        poll_creation_message_v2,
        poll_creation_message_v3,
        event_message,
        album_message,
        list_message,
        list_response_message,
        buttons_message,
        buttons_response_message,
        template_button_reply_message
    );
    None
}
