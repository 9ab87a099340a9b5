//! Enums whose variants are single words, as on disks, in logs and in metrics. A word of a later version is kept.

/// Defines an enum of words. `Other` holds a word that this version does not know; the words after a bar are those of
/// earlier versions.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal $(| $old:literal)*,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// A word of a later version.
            Other(String),
        }

        impl $name {
            /// All words that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word $(| $old)* => Self::$variant,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.name().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// Why an outgoing message failed, or has not been sent yet.
    SendReason {
        /// WhatsApp's server refused it.
        RefusedByServer = "refused_by_server",
        /// WhatsApp restricts the account: its server refused this message, but accepts others.
        Restricted = "restricted",
        /// The number is not on WhatsApp.
        NotOnWhatsapp = "not_on_whatsapp",
        /// It was queued, and the rules no longer allow its recipient.
        NotAllowedTo = "not_allowed_to",
        /// It was queued, and its deadline passed before it was sent.
        Expired = "expired" | "deadline",
        /// It was handed to WhatsApp, and its deadline passed before the server's ack arrived: it is unknown whether
        /// the message arrived.
        Unconfirmed = "unconfirmed",
        /// A client cancelled it before it was sent.
        Cancelled = "cancelled",
        /// It was queued for one account, and another one was linked.
        OtherAccount = "other_account",
        /// WhatsApp's media host does not take its file.
        FileRefused = "file_refused",
        /// Its file is no longer there.
        FileGone = "file_gone",
    }
}

impl SendReason {
    /// What to do about it; empty if the reason says enough.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotAllowedTo => {
                "list the recipient under allowTo in openclaw.yml, run `openclawctl allow reload`, and send it again"
            }
            _ => "",
        }
    }
}

words! {
    /// Why a message could not be decrypted.
    UndecryptableReason {
        /// The decryption failed. The sender is asked to send the message again.
        NotDecrypted = "not_decrypted",
        /// A view-once message, which WhatsApp sends to the phone only.
        ViewOnce = "view_once",
        /// Sent only to the phone of a hosted account.
        Hosted = "hosted",
        /// A bot's message, sent to the phone only.
        Bot = "bot",
        /// Sent to the phone only.
        Unavailable = "unavailable",
        /// Encrypted in a way that this version does not know.
        UnknownEncryption = "unknown_encryption",
    }
}

words! {
    /// How it is known that a message was lost.
    LostReason {
        /// It was acknowledged before it was recorded, and the agent stopped in between.
        NotKept = "not_kept",
        /// It was recorded in a form that this version cannot read.
        Unreadable = "unreadable",
    }
}

words! {
    /// The rule that dropped a message.
    DropReason {
        /// The policy is `disabled`.
        Disabled = "disabled",
        /// The sender is not on the allowlist.
        NotListed = "not_listed",
        /// The group is not on the allowlist.
        GroupNotListed = "group_not_listed",
        /// WhatsApp did not report in time who the sender is.
        NotResolved = "not_resolved",
        /// Too many messages were waiting for their senders to be resolved.
        TooManyHeld = "too_many_held",
    }
}

words! {
    /// Why a change was rejected.
    RejectReason {
        /// Another person is the author of the message.
        NotTheAuthor = "not_the_author",
        /// The message was sent to someone else.
        NotTheRecipient = "not_the_recipient",
        /// The message belongs to another chat.
        OtherChat = "other_chat",
    }
}

words! {
    /// What happened to a call.
    CallState {
        /// It rings on the account's phone.
        Ringing = "ringing",
        /// No one answered, or it rang while the agent was offline.
        Missed = "missed",
        /// Another device of the account answered.
        Answered = "answered",
        /// Another device of the account declined.
        Declined = "declined",
    }
}

words! {
    /// What was changed in a group.
    GroupChangeKind {
        /// The name.
        Name = "name",
        /// The description.
        Description = "description",
        /// People were added.
        Added = "added",
        /// People were removed.
        Removed = "removed",
        /// The sender left.
        Left = "left",
        /// People joined by the invite link.
        Joined = "joined",
        /// People were made admins.
        Promoted = "promoted",
        /// People are no longer admins.
        Demoted = "demoted",
        /// Whether only admins can send messages.
        Announce = "announce",
        /// Whether only admins can change the name, the description, the picture and the timer.
        Locked = "locked",
        /// The timer of new messages.
        Timer = "timer",
        /// Whether an admin has to approve those who join by the invite link.
        JoinApproval = "join_approval",
        /// Whether only admins can add people.
        AdminsAdd = "admins_add",
        /// The picture.
        Picture = "picture",
        /// The invite link was reset.
        InviteReset = "invite_reset",
        /// The group was created, or the account is new in it.
        Created = "created",
        /// The group was deleted.
        Deleted = "deleted",
        /// People have requested to join.
        JoinRequested = "join_requested",
        /// Requests to join were rejected or withdrawn.
        JoinRequestClosed = "join_request_closed",
        /// People have a new number or a new address.
        NumberChanged = "number_changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_later_version_is_kept() {
        for known in DropReason::ALL {
            assert_eq!(DropReason::from(known.name().to_owned()), *known);
        }
        let later = DropReason::from("full_moon".to_owned());
        assert_eq!(
            (later.name(), String::from(later.clone())),
            ("full_moon", "full_moon".into())
        );
    }
}
