//! By which of a user's two addresses a message goes, and how the stanza says so.

use wacore_binary::builder::NodeBuilder;

use crate::number::{DeviceId, Number};

/// How a message is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// By LID, with the phone number beside it.
    #[default]
    Lid,
    /// By phone number, with the LID beside it.
    Pn,
    /// By LID, and nothing tells the number.
    LidAlone,
    /// By phone number, and nothing tells the LID.
    PnAlone,
}

impl By {
    pub(crate) const fn is_lid(self) -> bool {
        matches!(self, Self::Lid | Self::LidAlone)
    }

    /// Whether the other address stands beside it.
    pub(crate) const fn tells_both(self) -> bool {
        matches!(self, Self::Lid | Self::Pn)
    }
}

/// How a one-to-one message names its sender to `target`. Beside each address stands the other one of the same user.
/// A copy for the sender's own companion names the chat instead (`recipient`), and beside it that user's other address:
/// a client that found its own there would take it for the chat's.
pub(crate) fn addressed(
    message: NodeBuilder,
    (from, device): &DeviceId,
    to: &Number,
    target: &DeviceId,
    by: By,
) -> NodeBuilder {
    let own_copy = target.0 == *from;
    // The other address names the user, not the device.
    let (message, beside) = match by.is_lid() {
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
        _ if !own_copy && by.tells_both() => message.attr(beside.0, beside.1),
        _ if !own_copy => message,
        true => message
            .attr("recipient", to.lid())
            .attr("peer_recipient_pn", to.pn()),
        false => message
            .attr("recipient", to.pn())
            .attr("peer_recipient_lid", to.lid()),
    }
}

/// How a group's message, or one to many, names the device that wrote it, and beside it the user's other address.
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
