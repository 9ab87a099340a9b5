//! Locations, static and live.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{LiveLocationMessage, LocationMessage};

/// A location.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Place {
    /// The latitude in degrees.
    pub latitude: f64,
    /// The longitude in degrees.
    pub longitude: f64,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its web page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The sender's comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The accuracy in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<u32>,
    /// The sequence number of an update; only of a live location.
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
