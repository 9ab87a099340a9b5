//! Recorded call stanzas: offers, ringing, answers, rejections and ends.

/// One call stanza, from a phone, a peer or a companion.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CallSign {
    /// The call id, the same for all stanzas of a call.
    pub call: String,
    /// The stanza's id.
    pub id: String,
    /// `offer`, `reject` and so on, as on the wire; `ringing` for a companion's receipt.
    pub kind: String,
    /// The sender's number.
    pub from: String,
    /// The sender's device.
    pub device: u16,
    /// The recipient's number.
    pub to: String,
}
