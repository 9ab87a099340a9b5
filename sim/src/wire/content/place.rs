//! Places, standing and moving.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{LiveLocationMessage, LocationMessage};

/// A place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Place {
    /// In degrees.
    pub latitude: f64,
    /// In degrees.
    pub longitude: f64,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What the sender says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// In metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<u32>,
    /// Of a moving place: counts up with each report of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
}

impl Place {
    pub(crate) fn location(&self) -> LocationMessage {
        LocationMessage {
            degrees_latitude: Some(self.latitude),
            degrees_longitude: Some(self.longitude),
            name: self.name.clone(),
            address: self.address.clone(),
            url: self.url.clone(),
            comment: self.comment.clone(),
            accuracy_in_meters: self.accuracy,
            ..Default::default()
        }
    }

    pub(crate) fn of_location(location: &LocationMessage) -> Self {
        Self {
            latitude: location.degrees_latitude.unwrap_or_default(),
            longitude: location.degrees_longitude.unwrap_or_default(),
            name: location.name.clone(),
            address: location.address.clone(),
            url: location.url.clone(),
            comment: location.comment.clone(),
            accuracy: location.accuracy_in_meters,
            sequence: None,
        }
    }

    pub(crate) fn live(&self) -> wa::Message {
        let live = LiveLocationMessage {
            degrees_latitude: Some(self.latitude),
            degrees_longitude: Some(self.longitude),
            caption: self.comment.clone(),
            accuracy_in_meters: self.accuracy,
            sequence_number: self.sequence,
            ..Default::default()
        };
        wa::Message {
            live_location_message: MessageField::some(live),
            ..Default::default()
        }
    }

    pub(crate) fn of_live(live: &LiveLocationMessage) -> Self {
        Self {
            latitude: live.degrees_latitude.unwrap_or_default(),
            longitude: live.degrees_longitude.unwrap_or_default(),
            comment: live.caption.clone(),
            accuracy: live.accuracy_in_meters,
            sequence: live.sequence_number,
            ..Self::default()
        }
    }
}
