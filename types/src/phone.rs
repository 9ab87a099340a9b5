//! Phone numbers: parsed once at the border, masked in logs.
//!
//! There are two ways to get one. User input is parsed strictly by [`FromStr`]: `+`, an existing country code, and the
//! usual separators. Values from WhatsApp or the store are accepted unchanged by [`Phone::of_digits`], because such a
//! number exists.

mod codes;
mod written;

use std::fmt;
use std::str::FromStr;

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::mask;
use crate::recipient::{Recipient, RecipientError};
pub(crate) use codes::code_length;
use written::is_invisible;
pub(crate) use written::{in_link_text, read, without_marks};

/// E.164 allows up to 15 digits. The shortest numbers in use have 7, with their country code.
const MAX_DIGITS: usize = 15;
const MIN_DIGITS: usize = 7;

/// A phone number in E.164. `Debug` and `Display` show it masked; only [`Phone::e164`] returns it whole.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "std::string::String", into = "std::string::String")]
pub struct Phone(String<MAX_DIGITS>);

/// Why a text is not a phone number. Never repeats the text, only the invalid character; positions count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Empty, or only invisible characters.
    #[error("the number is empty")]
    Empty,
    /// Digits without a plus sign: it is ambiguous whether they include a country code.
    #[error("a number begins with + and its country code")]
    NoPlus,
    /// `00`, the international prefix in many countries.
    #[error("use + instead of 00")]
    DoubleZero,
    /// A plus sign other than `+`.
    #[error("character {at} is {}: the plus sign is +", named(*found))]
    OtherPlus {
        /// The character.
        found: char,
        /// Its position.
        at: usize,
    },
    /// A plus sign after the beginning.
    #[error("there is another + at character {at}: give one number")]
    SecondPlus {
        /// Its position.
        at: usize,
    },
    /// A digit of another script.
    #[error("character {at} is {}: write the digits 0 to 9", named(*found))]
    OtherDigit {
        /// The character.
        found: char,
        /// Its position.
        at: usize,
    },
    /// A letter, as in vanity numbers.
    #[error("character {at} is {}: a number has no letters", named(*found))]
    Letter {
        /// The character.
        found: char,
        /// Its position.
        at: usize,
    },
    /// An extension, or another suffix of a number in a link.
    #[error(
        "an extension begins at character {at}: WhatsApp has no extensions, give the number alone"
    )]
    Extension {
        /// Its position.
        at: usize,
    },
    /// Any other character.
    #[error(
        "character {at} is {}: only spaces, hyphens, dots and parentheses may be between digits",
        named(*found)
    )]
    Character {
        /// The character.
        found: char,
        /// Its position.
        at: usize,
    },
    /// `(0)`.
    #[error(
        "(0) is not dialled from abroad: leave it out, or where the 0 belongs to the number, as in Italy, write it \
         without parentheses"
    )]
    TrunkZero,
    /// A country code that begins with 0.
    #[error("no country code begins with 0")]
    ZeroCode,
    /// A country code that is not assigned.
    #[error("no country has the code +{code}")]
    UnknownCode {
        /// The code.
        code: u16,
    },
    /// A trunk prefix after the country code.
    #[error(
        "in a number of +{code} no {digit} follows the country code: leave out the {digit} after the country code"
    )]
    TrunkDigit {
        /// The country code.
        code: u16,
        /// The digit after the country code.
        digit: char,
    },
    /// Too few or too many digits for the country.
    #[error(
        "a number of +{code} has {wanted} digits after the country code, and this one has {digits}"
    )]
    NationalLength {
        /// The country code.
        code: u16,
        /// The number of digits that the country's numbers have.
        wanted: usize,
        /// The number of digits found.
        digits: usize,
    },
    /// Too few digits.
    #[error(
        "a number has at least {MIN_DIGITS} digits with its country code, and this one has {digits}"
    )]
    TooShort {
        /// The number of digits found.
        digits: usize,
    },
    /// Too many digits.
    #[error(
        "a number has at most {MAX_DIGITS} digits with its country code, and this one has {digits}"
    )]
    TooLong {
        /// The number of digits found.
        digits: usize,
    },
    /// A link that contains no number, or more than one.
    #[error("the link contains no number: write it like https://wa.me/15550100123")]
    Link,
    /// A LID, a group, or an address of another kind.
    #[error("this is a JID (…@…), not a phone number: give a number, like +15550100123")]
    NotANumber,
}

/// A character for an error text: itself if visible, and its code point.
fn named(c: char) -> impl fmt::Display {
    let code = u32::from(c);
    if c.is_control() || c.is_whitespace() || is_invisible(c) {
        format!("U+{code:04X}")
    } else if c.is_ascii() {
        format!("`{c}`")
    } else {
        format!("`{c}` (U+{code:04X})")
    }
}

impl PhoneError {
    /// The error as a single word, as in `corpus/numbers.tsv`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NoPlus => "no_plus",
            Self::DoubleZero => "double_zero",
            Self::OtherPlus { .. } => "other_plus",
            Self::SecondPlus { .. } => "second_plus",
            Self::OtherDigit { .. } => "other_digit",
            Self::Letter { .. } => "letter",
            Self::Extension { .. } => "extension",
            Self::Character { .. } => "character",
            Self::TrunkZero => "trunk_zero",
            Self::ZeroCode => "zero_code",
            Self::UnknownCode { .. } => "unknown_code",
            Self::TrunkDigit { .. } => "trunk_digit",
            Self::NationalLength { .. } => "national_length",
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Link => "link",
            Self::NotANumber => "not_a_number",
        }
    }
}

impl Phone {
    /// A number as in WhatsApp's JIDs and in stored rows: 7 to 15 digits, with an optional plus sign. Not validated
    /// further: the number is in use, whatever a list of country codes contains.
    #[must_use]
    pub fn of_digits(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let valid = digits.len() >= MIN_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| String::try_from(digits).ok().map(Self))?
    }

    /// A number with its country code, from the digits that a user typed.
    pub(crate) fn of_country(digits: &str) -> Result<Self, PhoneError> {
        if digits.starts_with('0') {
            return Err(PhoneError::ZeroCode);
        }
        let short = PhoneError::TooShort {
            digits: digits.len(),
        };
        let (code, assigned) = codes::country_code(digits).ok_or(short)?;
        if !assigned {
            return Err(PhoneError::UnknownCode { code });
        }
        let national = &digits[code_length(digits)..];
        if let Some(digit) = codes::trunk_digit(code, national) {
            return Err(PhoneError::TrunkDigit { code, digit });
        }
        if digits.len() > MAX_DIGITS {
            return Err(PhoneError::TooLong {
                digits: digits.len(),
            });
        }
        let phone = Self::of_digits(digits).ok_or(short)?;
        match codes::other_length(code, national) {
            None => Ok(phone),
            Some(wanted) => Err(PhoneError::NationalLength {
                code,
                wanted,
                digits: national.len(),
            }),
        }
    }

    /// The whole number with a plus sign: for the API and the wire, never for a log.
    #[must_use]
    pub fn e164(&self) -> std::string::String {
        format!("+{}", self.0)
    }

    /// The digits only, as in WhatsApp's JIDs.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = PhoneError;

    /// Accepts a number with separators, a link that contains one, or a JID. Every input accepted here is accepted as a
    /// [`Recipient`] too.
    fn from_str(text: &str) -> Result<Self, PhoneError> {
        match text.parse() {
            Ok(Recipient::Phone(phone)) => Ok(phone),
            Err(RecipientError::Phone(error)) => Err(error),
            _ => Err(PhoneError::NotANumber),
        }
    }
}

/// For deserialization: see [`Phone::of_digits`].
impl TryFrom<std::string::String> for Phone {
    type Error = PhoneError;

    fn try_from(text: std::string::String) -> Result<Self, PhoneError> {
        Self::of_digits(&text).ok_or(PhoneError::NotANumber)
    }
}

/// For serialization: the digits only.
impl From<Phone> for std::string::String {
    fn from(phone: Phone) -> Self {
        phone.digits().to_owned()
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask::number(&self.0))
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
        Phone::of_digits(number).unwrap().to_string()
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
    fn numbers_of_the_store_or_the_wire_are_taken_unchanged() {
        for odd in ["0015550100002", "99955501001", "4407700900123", "1055501"] {
            assert!(format!("+{odd}").parse::<Phone>().is_err(), "{odd}");
            let phone = Phone::of_digits(odd).unwrap();
            let row = std::string::String::from(phone.clone());
            assert_eq!((row.as_str(), phone.digits()), (odd, odd));
            assert_eq!(Phone::try_from(row), Ok(phone));
        }
        for none in [
            "",
            "+",
            "123456",
            "1234567890123456",
            "1555010x",
            "1 555 010 0123",
        ] {
            assert_eq!(Phone::of_digits(none), None, "{none}");
        }
    }

    #[test]
    fn an_error_names_the_mistake_and_its_position_and_never_the_number() {
        let error = |text: &str| text.parse::<Phone>().unwrap_err().to_string();
        assert_eq!(
            error("+1555\u{665}10012"),
            "character 6 is `\u{665}` (U+0665): write the digits 0 to 9"
        );
        assert_eq!(
            error("+1 555 010 0123 x7"),
            "an extension begins at character 17: WhatsApp has no extensions, give the number alone"
        );
        assert_eq!(
            error("+1555\n0100123"),
            "character 6 is U+000A: only spaces, hyphens, dots and parentheses may be between digits"
        );
        assert!(!error("+1555SECRET").contains("SECRET"));
        assert!(!error("+9995550100123").contains("555"));
    }
}
