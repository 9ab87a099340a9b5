//! Phone numbers, and the two JIDs of each.

use std::fmt;
use std::str::FromStr;

use wacore::messages::MessageUtils;
use wacore_binary::Jid;

/// The text is not `+` and 7 to 15 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number: expected + and 7 to 15 digits, as in +15550100001")]
pub struct InvalidNumber;

/// An E.164 number. Its digits are the user part of the phone number JID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(String);

/// The device number of a business's provider. Its JIDs have servers of their own.
pub(crate) const PROVIDER: u16 = 99;

/// A device: 0 is the phone (of an account or a contact), the others are companions.
pub(crate) type DeviceId = (Number, u16);

impl FromStr for Number {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        let digits = text.trim();
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        let plausible = (7..=15).contains(&digits.len()) && !digits.starts_with('0');
        if plausible && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits.to_owned()))
        } else {
            Err(InvalidNumber)
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl Number {
    /// The digits, without `+`.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The user part of the number's LID. It is derived from the number, so that every run has the same LIDs, but does
    /// not contain its digits: a client that confuses the two fails.
    pub fn lid_user(&self) -> String {
        const SPAN: u64 = 90_000_000_000_000;
        // Coprime to SPAN: distinct numbers below SPAN get distinct LIDs.
        const FACTOR: u128 = 48_271_399;
        let number: u64 = self.0.parse().unwrap_or(0);
        let mixed = u128::from(number % SPAN) * FACTOR % u128::from(SPAN);
        (100_000_000_000_000 + u64::try_from(mixed).unwrap_or(0)).to_string()
    }

    /// The phone number JID of the account.
    pub fn pn(&self) -> Jid {
        Jid::pn(self.0.as_str())
    }

    /// The LID JID of the account.
    pub fn lid(&self) -> Jid {
        Jid::lid(self.lid_user())
    }

    /// The phone number JID of one device: `@hosted` for a provider's.
    pub fn pn_device(&self, device: u16) -> Jid {
        Jid::pn_device(self.0.as_str(), device).with_device_hosting(device, device == PROVIDER)
    }

    /// The LID JID of one device: `@hosted.lid` for a provider's.
    pub fn lid_device(&self, device: u16) -> Jid {
        Jid::lid_device(self.lid_user(), device).with_device_hosting(device, device == PROVIDER)
    }

    /// WhatsApp's hash (`phash`) over some of the account's devices.
    pub(crate) fn device_hash(&self, devices: &[u16], by_lid: bool) -> Option<String> {
        let jid = |device: &u16| match by_lid {
            true => self.lid_device(*device),
            false => self.pn_device(*device),
        };
        let jids: Vec<Jid> = devices.iter().map(jid).collect();
        MessageUtils::participant_list_hash(&jids).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_parses_with_or_without_plus() {
        let number: Number = "+15550100001".parse().expect("a number");
        assert_eq!(number, "15550100001".parse().expect("a number"));
        assert_eq!(number.to_string(), "+15550100001");
        assert_eq!(number.pn().to_string(), "15550100001@s.whatsapp.net");
        for wrong in ["", "+", "123", "+1555x100001", "1234567890123456"] {
            assert_eq!(wrong.parse::<Number>(), Err(InvalidNumber), "{wrong}");
        }
    }

    #[test]
    fn a_providers_device_has_hosted_jids() {
        let number: Number = "+15550100001".parse().expect("a number");
        assert_eq!(number.pn_device(99).to_string(), "15550100001:99@hosted");
        let lid = number.lid_device(99).to_string();
        assert!(lid.ends_with(":99@hosted.lid"), "{lid}");
    }

    #[test]
    fn lids_differ_and_do_not_contain_the_number() {
        let lid = |text: &str| text.parse::<Number>().expect("a number").lid_user();
        assert_ne!(lid("+15550100001"), lid("+15550100002"));
        assert_eq!(lid("+15550100001").len(), 15);
        assert!(!lid("+15550100001").contains("5550100001"));
    }
}
