//! A message's content as the control interface describes it, both ways: `{"image": {…}, "context": {…}, "wrapped": […]}`.
//! One key names the kind; what has no name here is `raw`, the encoded protobuf.

use buffa::MessageField;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waproto::codec;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{AlbumMessage, ExtendedTextMessage, ProtocolMessage};

use super::binary::Base64;
use super::change::{self, Edit, Pin, Reaction};
use super::choice::{Choice, Offer};
use super::context::{self, Context, Preview};
use super::key::Key;
use super::media::Media;
use super::people::{self, Card, Invite};
use super::place::Place;
use super::poll::{Event, Poll, Vote, poll_in};
use super::wrapper::{Wrapper, unwrapped};

/// What a message says: one of the kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named as its content is")]
pub enum Kind {
    Text(String),
    Image(Media),
    Video(Media),
    /// A round video.
    VideoNote(Media),
    Audio(Media),
    Document(Media),
    Sticker(Media),
    Location(Place),
    LiveLocation(Place),
    Contacts(Vec<Card>),
    GroupInvite(Invite),
    Poll(Poll),
    /// Made and read by `phones::poll`, which knows the poll's secret.
    Vote(Vote),
    Event(Event),
    List(Offer),
    Buttons(Offer),
    ListReply(Choice),
    ButtonsReply(Choice),
    TemplateReply(Choice),
    /// How many images and videos follow.
    Album {
        images: u32,
        videos: u32,
    },
    Edit(Edit),
    Deletion(Key),
    Reaction(Reaction),
    Pin(Pin),
    /// The chat's timer, in seconds; 0 turns it off.
    Timer(u32),
    /// The encoded protobuf.
    Raw(Base64),
}

/// What a message says, and what stands beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Content {
    #[serde(flatten)]
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Context>,
    /// Of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preview: Option<Preview>,
    /// The outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) wrapped: Vec<Wrapper>,
    /// Of an image or a video: the album's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
    /// What addons to the message, such as votes, are encrypted under: 32 bytes. A poll and an event get one by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Base64>,
}

/// A description that no message can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotContent {
    /// The protobuf cannot be read.
    #[error("raw: not an encoded message")]
    Raw,
    /// A vote is encrypted for its poll; it cannot be quoted or be what a message is edited to.
    #[error("a vote stands by itself")]
    Vote,
    /// The kind has no place for a context.
    #[error("this kind has no context")]
    NoContext,
}

impl TryFrom<Map<String, Value>> for Content {
    type Error = serde_json::Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        fn take<T: serde::de::DeserializeOwned + Default>(
            fields: &mut Map<String, Value>,
            name: &str,
        ) -> Result<T, serde_json::Error> {
            let value = fields.remove(name);
            value.map_or_else(|| Ok(T::default()), serde_json::from_value)
        }
        Ok(Self {
            context: take(&mut fields, "context")?,
            preview: take(&mut fields, "preview")?,
            wrapped: take(&mut fields, "wrapped")?,
            // The kind of that name is an object.
            album: match fields.get("album") {
                Some(Value::String(_)) => take(&mut fields, "album")?,
                _ => None,
            },
            secret: take(&mut fields, "secret")?,
            // What is left is the kind, and nothing else.
            kind: serde_json::from_value(Value::Object(fields))?,
        })
    }
}

impl Content {
    /// Plain text.
    pub fn text(text: &str) -> Self {
        Self::from(Kind::Text(text.to_owned()))
    }

    /// What it is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The message to send.
    ///
    /// # Errors
    /// There is none of this description.
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
                    .map(|album| MessageField::some(super::in_album(album)))
                    .unwrap_or_default(),
                ..Default::default()
            });
        }
        Ok(())
    }

    /// What a message says, as far as it has a name here.
    pub fn of(message: &wa::Message) -> Self {
        let (wrapped, inner) = unwrapped(message);
        let beside = |message: &wa::Message| message.message_context_info.as_option().cloned();
        let beside = beside(inner).or_else(|| beside(message));
        let context = context::info(inner).map(Context::of);
        let text = inner.extended_text_message.as_option();
        let association = beside.as_ref();
        let association = association.and_then(|it| it.message_association.as_option());
        Self {
            kind: Kind::of(inner),
            context: context.filter(|context| *context != Context::default()),
            preview: text.and_then(Preview::of),
            wrapped,
            album: association.and_then(|it| it.parent_message_key.id.clone()),
            secret: beside.and_then(|it| it.message_secret).map(Base64),
        }
    }
}

impl From<Kind> for Content {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            context: None,
            preview: None,
            wrapped: Vec::new(),
            album: None,
            secret: None,
        }
    }
}

impl Kind {
    fn message(&self) -> Result<wa::Message, NotContent> {
        Ok(match self {
            Self::Text(text) => super::text_message(text),
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
            Self::Timer(seconds) => super::timer(*seconds),
            Self::Raw(bytes) => {
                codec::message_decode(bytes.0.as_slice()).map_err(|_| NotContent::Raw)?
            }
        })
    }

    fn of(message: &wa::Message) -> Self {
        if let Some(text) = super::text_of(message) {
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

#[cfg(test)]
mod tests;
