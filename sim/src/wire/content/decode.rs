//! Converts messages to descriptions, if their kind has one.

use waproto::codec;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ProtocolMessage;
use waproto::whatsapp::message::protocol_message::Type;

use super::binary::Base64;
use super::change::{Pin, Reaction};
use super::choice::{Choice, Offer};
use super::context::{self, Preview};
use super::described::{Content, Context, Edit, Kind, Quote};
use super::key::Key;
use super::media::Media;
use super::people::{Card, Invite};
use super::place::Place;
use super::poll::{Event, Poll, poll_in};
use super::text::text_of;
use super::wrapper::unwrapped;

impl Content {
    /// The description of a message; `raw` if its kind has none.
    pub fn of(message: &wa::Message) -> Self {
        let (wrapped, inner) = unwrapped(message);
        let info = |message: &wa::Message| message.message_context_info.as_option().cloned();
        let info = info(inner).or_else(|| info(message));
        let context = context::info(inner).map(Context::of);
        let text = inner.extended_text_message.as_option();
        let association = info.as_ref();
        let association = association.and_then(|it| it.message_association.as_option());
        Self {
            kind: Kind::of(inner),
            context: context.filter(|context| *context != Context::default()),
            preview: text.and_then(Preview::of),
            wrapped,
            album: association.and_then(|it| it.parent_message_key.id.clone()),
            secret: info.and_then(|it| it.message_secret).map(Base64),
        }
    }
}

impl Kind {
    fn of(message: &wa::Message) -> Self {
        if let Some(text) = text_of(message) {
            return Self::Text(text);
        }
        if let Some(poll) = poll_in(message) {
            return Self::Poll(Poll::of(poll));
        }
        if let Some(card) = message.contact_message.as_option() {
            return Self::Contacts(vec![Card::of(card)]);
        }
        if let Some(array) = message.contacts_array_message.as_option() {
            return Self::Contacts(array.contacts.iter().map(Card::of).collect());
        }
        if let Some(album) = message.album_message.as_option() {
            return Self::Album {
                images: album.expected_image_count.unwrap_or_default(),
                videos: album.expected_video_count.unwrap_or_default(),
            };
        }
        macro_rules! first {
            ($($field:ident => $kind:ident($of:path)),* $(,)?) => {
                $(if let Some(content) = message.$field.as_option() {
                    return Self::$kind($of(content));
                })*
            };
        }
        first!(
            image_message => Image(Media::of_image),
            video_message => Video(Media::of_video),
            ptv_message => VideoNote(Media::of_video),
            audio_message => Audio(Media::of_audio),
            document_message => Document(Media::of_document),
            sticker_message => Sticker(Media::of_sticker),
            location_message => Location(Place::of_location),
            live_location_message => LiveLocation(Place::of_live),
            group_invite_message => GroupInvite(Invite::of),
            event_message => Event(Event::of),
            list_message => List(Offer::of_list),
            buttons_message => Buttons(Offer::of_buttons),
            list_response_message => ListReply(Choice::of_list),
            buttons_response_message => ButtonsReply(Choice::of_button),
            template_button_reply_message => TemplateReply(Choice::of_template),
            reaction_message => Reaction(Reaction::of),
            pin_in_chat_message => Pin(Pin::of),
        );
        let protocol = message.protocol_message.as_option();
        let named = protocol.and_then(Self::of_protocol);
        named.unwrap_or_else(|| Self::Raw(Base64(codec::message_to_vec(message))))
    }

    fn of_protocol(message: &ProtocolMessage) -> Option<Self> {
        let key = || Key::of(&message.key);
        match message.r#type? {
            Type::MESSAGE_EDIT => Some(Self::Edit(Edit {
                about: key(),
                content: Box::new(Content::of(&message.edited_message)),
            })),
            Type::REVOKE => Some(Self::Deletion(key())),
            Type::EPHEMERAL_SETTING => Some(Self::Timer(
                message.ephemeral_expiration.unwrap_or_default(),
            )),
            _ => None,
        }
    }
}

impl Context {
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
