//! What the server has seen of calls: who rang, whose device rang, who took, declined or ended it.

/// One sign of a call, from somebody's phone or from a companion.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CallSign {
    /// The call: one id for all of its signs.
    pub call: String,
    /// The stanza's id.
    pub id: String,
    /// `offer`, `reject` and so on, as on the wire; `ringing` for a companion's receipt.
    pub kind: String,
    /// The sender's number.
    pub from: String,
    /// Which device of the sender's.
    pub device: u16,
    /// The number of the one that it is for.
    pub to: String,
}
