//! The context of a message: what accompanies its content; and the preview of a link.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ExtendedTextMessage;

/// The preview of a link in a text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preview {
    /// The link, as in the text.
    pub url: String,
    /// The page's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The page's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
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

/// The context of a message, in the first kind of content that has one. One list of kinds, for reading and writing.
macro_rules! context_of {
    ($message:ident, $as_option:ident, |$content:ident| $context:expr) => {
        context_of!(@ $message, $as_option, |$content| $context;
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
        )
    };
    (@ $message:ident, $as_option:ident, |$content:ident| $context:expr; $($field:ident),*) => {{
        $(if let Some($content) = $message.$field.$as_option() {
            return $context;
        })*
        None
    }};
}

/// The field of a message's context, if its kind has one. A plain text first has to become an extended one.
pub(crate) fn field_mut(message: &mut wa::Message) -> Option<&mut MessageField<wa::ContextInfo>> {
    context_of!(message, as_option_mut, |content| Some(
        &mut content.context_info
    ))
}

/// [`field_mut`], for reading.
pub(crate) fn info(message: &wa::Message) -> Option<&wa::ContextInfo> {
    context_of!(message, as_option, |content| content
        .context_info
        .as_option())
}
