//! Wrapped messages: most features that WhatsApp adds later wrap the message.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::FutureProofMessage;

/// A wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapper {
    /// In a chat with disappearing messages.
    Ephemeral,
    /// View once, the old form.
    ViewOnce,
    /// View once, the form that clients send now.
    ViewOnceV2,
    /// A view-once voice message.
    ViewOnceV2Extension,
    /// A document that has a caption.
    DocumentWithCaption,
    /// An edit, in the form that clients send now.
    Edited,
    /// A group that is mentioned.
    GroupMentioned,
    /// A part of an album.
    AssociatedChild,
    /// Addressed to a bot.
    BotInvoke,
    /// An animated sticker in Lottie format.
    LottieSticker,
    /// A group's status.
    GroupStatusV2,
    /// A spoiler: hidden until it is tapped.
    Spoiler,
}

const ALL: &[Wrapper] = &[
    Wrapper::Ephemeral,
    Wrapper::ViewOnce,
    Wrapper::ViewOnceV2,
    Wrapper::ViewOnceV2Extension,
    Wrapper::DocumentWithCaption,
    Wrapper::Edited,
    Wrapper::GroupMentioned,
    Wrapper::AssociatedChild,
    Wrapper::BotInvoke,
    Wrapper::LottieSticker,
    Wrapper::GroupStatusV2,
    Wrapper::Spoiler,
];

impl Wrapper {
    /// The wrapped message. Its `message_context_info` stays outside, where clients read it.
    pub(crate) fn around(self, mut message: wa::Message) -> wa::Message {
        let mut wrapped = wa::Message {
            message_context_info: std::mem::take(&mut message.message_context_info),
            ..Default::default()
        };
        *self.field_mut(&mut wrapped) = MessageField::some(FutureProofMessage {
            message: MessageField::some(message),
        });
        wrapped
    }

    const fn field_mut(self, message: &mut wa::Message) -> &mut MessageField<FutureProofMessage> {
        match self {
            Self::Ephemeral => &mut message.ephemeral_message,
            Self::ViewOnce => &mut message.view_once_message,
            Self::ViewOnceV2 => &mut message.view_once_message_v2,
            Self::ViewOnceV2Extension => &mut message.view_once_message_v2_extension,
            Self::DocumentWithCaption => &mut message.document_with_caption_message,
            Self::Edited => &mut message.edited_message,
            Self::GroupMentioned => &mut message.group_mentioned_message,
            Self::AssociatedChild => &mut message.associated_child_message,
            Self::BotInvoke => &mut message.bot_invoke_message,
            Self::LottieSticker => &mut message.lottie_sticker_message,
            Self::GroupStatusV2 => &mut message.group_status_message_v2,
            Self::Spoiler => &mut message.spoiler_message,
        }
    }

    const fn field(self, message: &wa::Message) -> &MessageField<FutureProofMessage> {
        match self {
            Self::Ephemeral => &message.ephemeral_message,
            Self::ViewOnce => &message.view_once_message,
            Self::ViewOnceV2 => &message.view_once_message_v2,
            Self::ViewOnceV2Extension => &message.view_once_message_v2_extension,
            Self::DocumentWithCaption => &message.document_with_caption_message,
            Self::Edited => &message.edited_message,
            Self::GroupMentioned => &message.group_mentioned_message,
            Self::AssociatedChild => &message.associated_child_message,
            Self::BotInvoke => &message.bot_invoke_message,
            Self::LottieSticker => &message.lottie_sticker_message,
            Self::GroupStatusV2 => &message.group_status_message_v2,
            Self::Spoiler => &message.spoiler_message,
        }
    }
}

/// The innermost message, and its wrappers, outermost first.
pub(crate) fn unwrapped(message: &wa::Message) -> (Vec<Wrapper>, &wa::Message) {
    let mut wrappers = Vec::new();
    let mut inner = message;
    while let Some((wrapper, next)) = next(inner) {
        wrappers.push(wrapper);
        inner = next;
    }
    (wrappers, inner)
}

fn next(message: &wa::Message) -> Option<(Wrapper, &wa::Message)> {
    ALL.iter().find_map(|wrapper| {
        let wrapped = wrapper.field(message).as_option()?;
        Some((*wrapper, wrapped.message.as_option()?))
    })
}
