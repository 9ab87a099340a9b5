//! Enums that are one word each, for programs: on disks, in logs, in metrics. A word that a later version wrote is kept.

/// Defines an enum of words. `Other` is a word that this version does not know; what follows a bar is what earlier versions
/// wrote.
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
            /// Every word that this version knows.
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
    /// Why a message of ours failed, or has not been sent yet.
    SendReason {
        /// WhatsApp's server refused it.
        RefusedByServer = "refused_by_server",
        /// WhatsApp restricts the account: its server refused this message, and takes others.
        Restricted = "restricted",
        /// The number is not on WhatsApp.
        NotOnWhatsapp = "not_on_whatsapp",
        /// It was kept, and its time ended before it left.
        Expired = "expired" | "deadline",
        /// It was handed to WhatsApp, and its time ended before the server's ack came: whether it arrived is not known.
        Unconfirmed = "unconfirmed",
        /// A client cancelled it before it was sent.
        Cancelled = "cancelled",
        /// It was kept for one account, and another one was linked.
        OtherAccount = "other_account",
    }
}

words! {
    /// Why a message could not be decrypted.
    UndecryptableReason {
        /// Its keys do not fit. The sender is asked to send it again.
        NotDecrypted = "not_decrypted",
        /// It can be viewed once, on the phone only.
        ViewOnce = "view_once",
        /// It was sent to a hosted account's phone only.
        Hosted = "hosted",
        /// It is a bot's, and was sent to the phone only.
        Bot = "bot",
        /// It was sent to the phone only.
        Unavailable = "unavailable",
        /// It is encrypted in a way that this version does not know.
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
        /// WhatsApp did not answer in time who the sender is.
        NotResolved = "not_resolved",
        /// Too many messages were held until it was known who their senders are.
        TooManyHeld = "too_many_held",
    }
}

words! {
    /// Why a change was rejected.
    RejectReason {
        /// The message is another person's.
        NotTheAuthor = "not_the_author",
        /// The message was sent to someone else.
        NotTheRecipient = "not_the_recipient",
        /// The message is of another chat.
        OtherChat = "other_chat",
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
