//! Which of a user's two addresses a message uses, and how the stanza contains them.

use wacore_binary::builder::NodeBuilder;

use crate::number::{DeviceId, Number};

/// The addressing of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// By LID, with the phone number in a second attribute.
    #[default]
    Lid,
    /// By phone number, with the LID in a second attribute.
    Pn,
    /// By LID, without the phone number.
    LidAlone,
    /// By phone number, without the LID.
    PnAlone,
}

impl By {
    pub(crate) const fn is_lid(self) -> bool {
        matches!(self, Self::Lid | Self::LidAlone)
    }

    /// Whether the stanza has the other address, too.
    pub(crate) const fn has_both(self) -> bool {
        matches!(self, Self::Lid | Self::Pn)
    }
}

/// The sender of a one-to-one message, as sent to `target`. Each address comes with the user's other address. A copy
/// for the sender's own companion has the chat instead (`recipient`), with that user's other address: a client would
/// take its own address there for the chat's.
pub(crate) fn addressed(
    message: NodeBuilder,
    (from, device): &DeviceId,
    to: &Number,
    target: &DeviceId,
    by: By,
) -> NodeBuilder {
    let own_copy = target.0 == *from;
    // The other address is that of the user, not of the device.
    let (message, other) = match by.is_lid() {
        true => (
            message
                .attr("from", from.lid_device(*device))
                .attr("addressing_mode", "lid"),
            ("sender_pn", from.pn()),
        ),
        false => (
            message
                .attr("from", from.pn_device(*device))
                .attr("addressing_mode", "pn"),
            ("sender_lid", from.lid()),
        ),
    };
    match by.is_lid() {
        _ if !own_copy && by.has_both() => message.attr(other.0, other.1),
        _ if !own_copy => message,
        true => message
            .attr("recipient", to.lid())
            .attr("peer_recipient_pn", to.pn()),
        false => message
            .attr("recipient", to.pn())
            .attr("peer_recipient_lid", to.lid()),
    }
}

/// The sending device of a group message or a broadcast, with the user's other address.
pub(crate) fn participant(message: NodeBuilder, (from, device): &DeviceId, by: By) -> NodeBuilder {
    let message = match by.is_lid() {
        true => message
            .attr("participant", from.lid_device(*device))
            .attr("addressing_mode", "lid"),
        false => message
            .attr("participant", from.pn_device(*device))
            .attr("addressing_mode", "pn"),
    };
    match by {
        By::Lid => message.attr("participant_pn", from.pn()),
        By::Pn => message.attr("participant_lid", from.lid()),
        By::LidAlone | By::PnAlone => message,
    }
}
