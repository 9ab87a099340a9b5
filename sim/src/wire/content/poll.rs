//! Polls and events. A vote is encrypted with the poll's secret: `phones::poll` encodes and decodes it.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{EventMessage, PollCreationMessage, poll_creation_message};

use super::place::Place;

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Poll {
    /// The question.
    pub question: String,
    /// The options.
    pub options: Vec<String>,
    /// The maximum number of answers; 0 for any number.
    pub selectable: u32,
}

/// A vote on a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The poll's id.
    pub poll: String,
    /// The chosen options; an empty list withdraws the vote.
    pub options: Vec<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Event {
    /// The name.
    pub name: String,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The start, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<i64>,
    /// The end, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<i64>,
    /// Cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled: Option<bool>,
    /// The location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The link to join a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_link: Option<String>,
}

impl Poll {
    /// Without its secret.
    pub(crate) fn message(&self) -> wa::Message {
        let option = |name: &String| poll_creation_message::Option {
            option_name: Some(name.clone()),
            ..Default::default()
        };
        let poll = MessageField::some(PollCreationMessage {
            name: Some(self.question.clone()),
            options: self.options.iter().map(option).collect(),
            selectable_options_count: Some(self.selectable),
            ..Default::default()
        });
        // Clients send a poll with one answer as version 3.
        match self.selectable {
            1 => wa::Message {
                poll_creation_message_v3: poll,
                ..Default::default()
            },
            _ => wa::Message {
                poll_creation_message: poll,
                ..Default::default()
            },
        }
    }

    pub(crate) fn of(poll: &PollCreationMessage) -> Self {
        let name = |option: &poll_creation_message::Option| option.option_name.clone();
        Self {
            question: poll.name.clone().unwrap_or_default(),
            options: poll.options.iter().filter_map(name).collect(),
            selectable: poll.selectable_options_count.unwrap_or_default(),
        }
    }
}

/// The poll in a message, in any version.
pub(crate) fn poll_in(message: &wa::Message) -> Option<&PollCreationMessage> {
    [
        &message.poll_creation_message,
        &message.poll_creation_message_v2,
        &message.poll_creation_message_v3,
        &message.poll_creation_message_v5,
    ]
    .into_iter()
    .find_map(|poll| poll.as_option())
}

impl Event {
    /// Without its secret.
    pub(crate) fn message(&self) -> wa::Message {
        let place = self.place.as_ref().map(Place::location);
        let event = EventMessage {
            name: Some(self.name.clone()),
            description: self.description.clone(),
            start_time: self.start,
            end_time: self.end,
            is_canceled: self.canceled,
            join_link: self.join_link.clone(),
            location: place.map(MessageField::some).unwrap_or_default(),
            ..Default::default()
        };
        wa::Message {
            event_message: MessageField::some(event),
            ..Default::default()
        }
    }

    pub(crate) fn of(event: &EventMessage) -> Self {
        Self {
            name: event.name.clone().unwrap_or_default(),
            description: event.description.clone(),
            start: event.start_time,
            end: event.end_time,
            canceled: event.is_canceled,
            place: event.location.as_option().map(Place::of_location),
            join_link: event.join_link.clone(),
        }
    }
}
