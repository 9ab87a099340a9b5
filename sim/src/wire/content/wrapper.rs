//! Messages in messages: most of what WhatsApp adds to a message later comes as a wrapper around it.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::FutureProofMessage;

/// What a message is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapper {
    /// In a chat whose messages disappear.
    Ephemeral,
    /// It opens once.
    ViewOnce,
    /// It opens once, as clients send it now.
    ViewOnceV2,
    /// A voice message that opens once.
    ViewOnceV2Extension,
    /// A document that has a caption.
    DocumentWithCaption,
    /// An edit, as clients send it now.
    Edited,
    /// A group that is mentioned.
    GroupMentioned,
    /// A part of an album.
    AssociatedChild,
    /// Addressed to a bot.
    BotInvoke,
    /// A sticker of another kind.
    LottieSticker,
    /// A group's status.
    GroupStatusV2,
    /// Hidden until it is tapped.
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
    /// The message in its wrapper. What the message says of itself stays outside, where clients look for it.
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

/// The innermost message, and what it is wrapped in, the outermost first.
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
