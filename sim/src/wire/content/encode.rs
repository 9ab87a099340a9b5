//! Converts descriptions to messages.

use buffa::MessageField;
use rand::RngExt as _;
use waproto::codec;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{AlbumMessage, ExtendedTextMessage, ProtocolMessage};

use super::change::{self, protocol};
use super::context::{self, Preview};
use super::described::{Content, Context, Edit, Kind, NotContent};
use super::key::in_album;
use super::people;
use super::text::text_message;
use crate::clock::unix_now_ms;

impl Content {
    /// The message to send.
    ///
    /// # Errors
    /// The description is not a valid message.
    pub fn message(&self) -> Result<wa::Message, NotContent> {
        let mut message = self.kind.message()?;
        self.put_beside(&mut message)?;
        Ok(self
            .wrapped
            .iter()
            .rev()
            .fold(message, |message, wrapper| wrapper.around(message)))
    }

    fn put_beside(&self, message: &mut wa::Message) -> Result<(), NotContent> {
        if (self.context.is_some() || self.preview.is_some())
            && let Some(text) = message.conversation.take()
        {
            message.extended_text_message = MessageField::some(ExtendedTextMessage {
                text: Some(text),
                ..Default::default()
            });
        }
        if let Some(Preview {
            url,
            title,
            description,
        }) = &self.preview
            && let Some(text) = message.extended_text_message.as_option_mut()
        {
            text.matched_text = Some(url.clone());
            text.title.clone_from(title);
            text.description.clone_from(description);
        }
        if let Some(context) = &self.context {
            let field = context::field_mut(message).ok_or(NotContent::NoContext)?;
            *field = MessageField::some(context.info());
        }
        let fresh = || {
            let mut secret = vec![0; 32];
            rand::rng().fill(&mut secret[..]);
            secret
        };
        let secret = self.secret.as_ref().map(|secret| secret.0.clone());
        let wants = matches!(self.kind, Kind::Poll(_) | Kind::Event(_));
        let secret = secret.or_else(|| wants.then(fresh));
        if secret.is_some() || self.album.is_some() {
            message.message_context_info = MessageField::some(wa::MessageContextInfo {
                message_secret: secret,
                message_association: self
                    .album
                    .as_deref()
                    .map(|album| MessageField::some(in_album(album)))
                    .unwrap_or_default(),
                ..Default::default()
            });
        }
        Ok(())
    }
}

impl Kind {
    fn message(&self) -> Result<wa::Message, NotContent> {
        Ok(match self {
            Self::Text(text) => text_message(text),
            Self::Image(media) => media.image(),
            Self::Video(media) => wa::Message {
                video_message: MessageField::some(media.video()),
                ..Default::default()
            },
            Self::VideoNote(media) => wa::Message {
                ptv_message: MessageField::some(media.video()),
                ..Default::default()
            },
            Self::Audio(media) => media.audio(),
            Self::Document(media) => media.document(),
            Self::Sticker(media) => media.sticker(),
            Self::Location(place) => wa::Message {
                location_message: MessageField::some(place.location()),
                ..Default::default()
            },
            Self::LiveLocation(place) => place.live(),
            Self::Contacts(cards) => people::contacts(cards),
            Self::GroupInvite(invite) => invite.message(),
            Self::Poll(poll) => poll.message(),
            Self::Vote(_) => return Err(NotContent::Vote),
            Self::Event(event) => event.message(),
            Self::List(offer) => offer.list(),
            Self::Buttons(offer) => offer.buttons(),
            Self::ListReply(choice) => choice.list_reply(),
            Self::ButtonsReply(choice) => choice.buttons_reply(),
            Self::TemplateReply(choice) => choice.template_reply(),
            Self::Album { images, videos } => wa::Message {
                album_message: MessageField::some(AlbumMessage {
                    expected_image_count: Some(*images),
                    expected_video_count: Some(*videos),
                    ..Default::default()
                }),
                ..Default::default()
            },
            Self::Edit(edit) => edit.message()?,
            Self::Deletion(about) => change::deletion(about),
            Self::Reaction(reaction) => reaction.message(),
            Self::Pin(pin) => pin.message(),
            Self::Timer(seconds) => change::timer(*seconds),
            Self::Raw(bytes) => {
                codec::message_decode(bytes.0.as_slice()).map_err(|_| NotContent::Raw)?
            }
        })
    }
}

impl Edit {
    pub(crate) fn message(&self) -> Result<wa::Message, NotContent> {
        Ok(protocol(ProtocolMessage {
            key: MessageField::some(self.about.message_key(true)),
            r#type: Some(Type::MESSAGE_EDIT),
            edited_message: MessageField::some(self.content.message()?),
            timestamp_ms: unix_now_ms(),
            ..Default::default()
        }))
    }
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
}
