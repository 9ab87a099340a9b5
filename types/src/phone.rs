//! A phone number: parsed once at the border, masked wherever a person or a log may see it.

use std::fmt;
use std::str::FromStr;

use heapless::String;
use serde::{Deserialize, Serialize};

/// E.164 allows 15 digits; the shortest numbers in use have 7 with their calling code.
const MAX_DIGITS: usize = 15;
const MIN_DIGITS: usize = 7;

/// A phone number in E.164. `Debug` and `Display` show it masked; only [`Phone::e164`] tells it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "std::string::String", into = "std::string::String")]
pub struct Phone(String<MAX_DIGITS>);

/// Why a text is not a phone number. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// A character other than a digit after the plus sign.
    #[error("a phone number has a plus sign and digits only, like +15550100123")]
    NotDigits,
    /// Too short or too long.
    #[error(
        "a phone number has {MIN_DIGITS} to {MAX_DIGITS} digits with its country code, like +15550100123"
    )]
    Length,
}

impl Phone {
    /// The whole number with a plus sign: for the API and the wire, never for a log.
    #[must_use]
    pub fn e164(&self) -> std::string::String {
        format!("+{}", self.0)
    }

    /// The digits alone, as WhatsApp's JIDs have them.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// How many leading digits a masked number shows: the calling code, then three digits in the
    /// North American plan and two elsewhere.
    fn shown(&self) -> usize {
        let digits = self.0.as_bytes();
        let code = match digits {
            [b'1' | b'7', ..] => 1,
            [a, b, ..] if TWO_DIGIT_CODES.contains(&[*a, *b]) => 2,
            _ => 3,
        };
        let area = if digits.first() == Some(&b'1') { 3 } else { 2 };
        code + area
    }
}

/// The calling codes of two digits (ITU-T E.164, list of assigned country codes); 1 and 7 have one, all others three.
const TWO_DIGIT_CODES: [[u8; 2]; 44] = [
    *b"20", *b"27", *b"30", *b"31", *b"32", *b"33", *b"34", *b"36", *b"39", *b"40", *b"41", *b"43",
    *b"44", *b"45", *b"46", *b"47", *b"48", *b"49", *b"51", *b"52", *b"53", *b"54", *b"55", *b"56",
    *b"57", *b"58", *b"60", *b"61", *b"62", *b"63", *b"64", *b"65", *b"66", *b"81", *b"82", *b"84",
    *b"86", *b"90", *b"91", *b"92", *b"93", *b"94", *b"95", *b"98",
];

impl FromStr for Phone {
    type Err = PhoneError;

    /// Accepts `+1 555 010-0123` and the like: spaces, dashes, dots and parentheses are dropped.
    fn from_str(text: &str) -> Result<Self, PhoneError> {
        let text = text.trim();
        let text = text.strip_prefix('+').unwrap_or(text);
        let mut digits = String::new();
        for c in text.chars() {
            match c {
                '0'..='9' => digits.push(c).map_err(|_| PhoneError::Length)?,
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return Err(PhoneError::NotDigits),
            }
        }
        if digits.len() < MIN_DIGITS {
            return Err(PhoneError::Length);
        }
        Ok(Self(digits))
    }
}

impl TryFrom<std::string::String> for Phone {
    type Error = PhoneError;

    fn try_from(text: std::string::String) -> Result<Self, PhoneError> {
        text.parse()
    }
}

/// The digits alone, as it is written to disk.
impl From<Phone> for std::string::String {
    fn from(phone: Phone) -> Self {
        phone.digits().to_owned()
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown().min(self.0.len());
        let area = if self.0.starts_with('1') { 3 } else { 2 };
        let (code, rest) = self.0.split_at(shown.saturating_sub(area));
        let (area, hidden) = rest.split_at(area.min(rest.len()));
        write!(f, "+{code} {area}")?;
        let hidden = hidden.len();
        if hidden > 4 {
            write!(f, " {:X<1$}", "", hidden - 4)?;
        }
        write!(f, " {:X<1$}", "", hidden.min(4))
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(number: &str) -> std::string::String {
        number.parse::<Phone>().unwrap().to_string()
    }

    #[test]
    fn masked_shows_country_and_area_only() {
        assert_eq!(masked("+15550100123"), "+1 555 XXX XXXX");
        assert_eq!(masked("+64215550123"), "+64 21 XXX XXXX");
        assert_eq!(masked("+353215550123"), "+353 21 XXX XXXX");
        assert_eq!(masked("+1555010"), "+1 555 XXX");
        assert_eq!(
            format!("{:?}", "+15550100123".parse::<Phone>().unwrap()),
            "+1 555 XXX XXXX"
        );
    }

    #[test]
    fn parses_what_people_type() {
        let phone: Phone = " +1 (555) 010-0123 ".parse().unwrap();
        assert_eq!(phone.e164(), "+15550100123");
        assert_eq!(phone.digits(), "15550100123");
    }

    #[test]
    fn refuses_what_is_no_number_without_repeating_it() {
        for bad in [
            "",
            "+",
            "12",
            "+1555abc0100",
            "+1234567890123456",
            "1@s.whatsapp.net",
        ] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
        assert!(
            !"+1555SECRET"
                .parse::<Phone>()
                .unwrap_err()
                .to_string()
                .contains("SECRET")
        );
    }
}
