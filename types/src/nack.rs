//! The error code in a server's ack for an outgoing message: its meaning, and whether a retry may help.
//!
//! The codes and names are those of WhatsApp Web (`NackFromStanza`), as listed in the WhatsApp library, plus codes that
//! the server was observed to send. A refused message was not delivered.

use serde::{Deserialize, Serialize};

/// The code on the wire; 0 if the server sent something that is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack(pub u16);

/// Whether a retry may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NackClass {
    /// A temporary problem of the server, or a rate limit.
    Passing,
    /// WhatsApp restricts the account. A retry makes it worse.
    Restricted,
    /// The same message is always refused.
    Final,
}

impl Nack {
    /// From the `error` attribute of the ack.
    #[must_use]
    pub fn parse(code: &str) -> Self {
        Self(code.trim().parse().unwrap_or_default())
    }

    /// Whether a retry may help. An unknown server error (5xx) is temporary; any other unknown code is final.
    #[must_use]
    pub const fn class(self) -> NackClass {
        match self.0 {
            463 | 475 => NackClass::Restricted,
            // The agent fetches the group again before it retries: see `is_stale_group`.
            421 => NackClass::Passing,
            550 | 551 => NackClass::Final,
            408 | 429 | 500..=599 => NackClass::Passing,
            _ => NackClass::Final,
        }
    }

    /// Returns true if the agent's group metadata is stale, and must be fetched before the message is sent again.
    #[must_use]
    pub const fn is_stale_group(self) -> bool {
        self.0 == 421
    }

    /// The meaning, as a phrase.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            400 => "WhatsApp considers the message malformed",
            401 | 403 => "this account may not write in this chat",
            404 => "the recipient does not exist",
            408 => "WhatsApp's server timed out",
            421 => "the agent's list of the group's members is out of date",
            429 => "too much was sent in a short time",
            463 => {
                "WhatsApp restricts this account: it may not write to people it has no chat with (reach-out time-lock)"
            }
            475 => "WhatsApp restricts this account: it has reached its cap of new chats",
            479 => "a field of the message has a form that WhatsApp does not accept",
            487 => "WhatsApp cannot parse the message",
            488..=490 => "WhatsApp does not know this kind of message",
            491 => "WhatsApp cannot read the message's content",
            493 => "WhatsApp does not accept the message for a hosted account",
            495 => "the key of the message that this one refers to is missing",
            496 => "the message was encrypted with a key that was used before",
            499 => "the message that this one refers to was deleted",
            500 => "an error in WhatsApp's server",
            503 => "WhatsApp's server is not available",
            550 => "this account may not delete that message for everyone",
            551 => "WhatsApp does not accept messages for this group from this account",
            552 => "an error in WhatsApp's database",
            501..=599 => "a temporary error in WhatsApp's server",
            0 => "no code",
            _ => "unknown code",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match (self.class(), self.0) {
            (NackClass::Passing, 429) => {
                "nothing was delivered; send less at once (the agent's --send-rate), and try again with the same token"
            }
            (NackClass::Passing, _) => {
                "nothing was delivered; try again in a moment with the same token"
            }
            (NackClass::Restricted, _) => {
                "nothing was delivered; do not repeat it: existing chats can be answered, the phone shows how long the restriction lasts (WhatsApp → Settings), and the other side may write first"
            }
            (NackClass::Final, 401 | 403) => {
                "nothing was delivered; see on the phone whether this account is a member and may write there"
            }
            (NackClass::Final, _) => {
                "nothing was delivered, and the same message is refused again; check the recipient, update the agent, and report the code"
            }
        }
    }
}

impl std::fmt::Display for Nack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.0, self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_codes_are_retried_and_restrictions_are_not() {
        for (code, class) in [
            (429, NackClass::Passing),
            (500, NackClass::Passing),
            (502, NackClass::Passing),
            (503, NackClass::Passing),
            (552, NackClass::Passing),
            (421, NackClass::Passing),
            (463, NackClass::Restricted),
            (475, NackClass::Restricted),
            (400, NackClass::Final),
            (479, NackClass::Final),
            (487, NackClass::Final),
            (550, NackClass::Final),
            (551, NackClass::Final),
            (418, NackClass::Final),
            (0, NackClass::Final),
        ] {
            assert_eq!(Nack(code).class(), class, "{code}");
        }
    }

    #[test]
    fn every_code_has_a_meaning_and_a_next_step() {
        for code in 0..=600 {
            let nack = Nack(code);
            assert!(!nack.meaning().is_empty() && !nack.hint().is_empty());
        }
        assert_eq!(Nack::parse("463"), Nack(463));
        for odd in ["", "rate-overlimit", "-1", "99999999"] {
            assert_eq!(Nack::parse(odd), Nack(0), "{odd}");
        }
    }
}
