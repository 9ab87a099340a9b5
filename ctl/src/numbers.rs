//! Phone numbers: parsing and display.
//!
//! They are parsed by the agent's own parser, in `openclaw-types`. By default they are shown in full, also in JSON;
//! `--mask` masks them, for a shared screen or output that is passed on.

use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_types::{ChatId, Phone, PhoneError, Recipient, RecipientError, mask};
use serde_json::Value;

use crate::failure::Failure;
use crate::text::one_line;

static MASK: AtomicBool = AtomicBool::new(false);

/// How numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// In full.
    Full,
    /// `+1 555 XXX XXXX`: with `--mask`.
    Masked,
}

impl Numbers {
    /// Sets the mode of the process. Called once, before any output.
    pub(crate) fn choose(mask: bool) {
        MASK.store(mask, Ordering::Relaxed);
    }

    /// The mode of the process.
    pub(crate) fn chosen() -> Self {
        if MASK.load(Ordering::Relaxed) {
            Self::Masked
        } else {
            Self::Full
        }
    }

    /// `phone` as shown.
    pub(crate) fn show(self, phone: &str) -> String {
        match self {
            Self::Full => one_line(phone),
            Self::Masked => mask::number(phone),
        }
    }

    /// An address as shown: a person's number, or the JID.
    pub(crate) fn show_jid(self, address: &str) -> String {
        if self == Self::Masked {
            return one_line(&mask::jid(address));
        }
        match address.split_once('@') {
            Some((user, "s.whatsapp.net" | "c.us" | "hosted")) => {
                let digits = user.split([':', '.']).next().unwrap_or(user);
                one_line(&format!("+{digits}"))
            }
            _ => one_line(address),
        }
    }

    /// A recipient as the agent writes it: a number or an address.
    pub(crate) fn show_to(self, to: &str) -> String {
        if to.contains('@') {
            self.show_jid(to)
        } else {
            self.show(to)
        }
    }

    /// A sentence of the agent about `who`. The agent masks a number that the caller already knows, since the sentence
    /// may be logged. About a LID, it writes the number in full, since the caller may not know it.
    pub(crate) fn show_in(self, sentence: &str, who: &str) -> String {
        match self {
            Self::Masked => masked_in(sentence),
            Self::Full if who.starts_with('+') => sentence.replace(&mask::number(who), who),
            Self::Full => sentence.to_owned(),
        }
    }

    /// JSON as printed: with `--mask`, every string that is a number or an address is masked.
    pub(crate) fn show_json(self, mut value: Value) -> Value {
        if self == Self::Masked {
            mask_json(&mut value);
        }
        value
    }
}

/// The sentence with every full number masked.
fn masked_in(sentence: &str) -> String {
    let mut masked = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find('+') {
        let (before, found) = rest.split_at(at);
        let digits = found[1..].bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = found.split_at(1 + digits);
        masked.push_str(before);
        match Phone::of_digits(number) {
            Some(_) => masked.push_str(&mask::number(number)),
            None => masked.push_str(number),
        }
        rest = after;
    }
    masked + rest
}

fn mask_json(value: &mut Value) {
    match value {
        Value::String(text) if Phone::of_digits(text).is_some() && text.starts_with('+') => {
            *text = mask::number(text);
        }
        Value::String(text)
            if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('@') =>
        {
            *text = mask::jid(text);
        }
        Value::Array(values) => values.iter_mut().for_each(mask_json),
        Value::Object(fields) => fields.values_mut().for_each(mask_json),
        _ => {}
    }
}

/// Parses a recipient, normalised for the agent.
///
/// # Errors
/// It is not a recipient. The error names the argument and never repeats the number.
pub(crate) fn recipient(argument: &str, given: &str) -> Result<String, Failure> {
    let to: Result<Recipient, _> = given.parse();
    to.map(|to| to.address())
        .map_err(|error| wrong(argument, error))
}

/// Parses a person, by number or LID.
///
/// # Errors
/// As [`recipient`], and for a group.
pub(crate) fn person(argument: &str, given: &str) -> Result<String, Failure> {
    match given.parse() {
        Ok(Recipient::Group(_)) => Err(Failure::usage(format!(
            "{argument}: that is a group: give a number or a LID (…@lid)"
        ))),
        Ok(person) => Ok(person.address()),
        Err(error) => Err(wrong(argument, error)),
    }
}

/// Parses a phone number.
///
/// # Errors
/// As [`recipient`], and for anything else than a number.
pub(crate) fn phone(argument: &str, given: &str) -> Result<String, Failure> {
    let phone: Result<Phone, _> = given.parse();
    phone
        .map(|phone| phone.e164())
        .map_err(|error| wrong(argument, error.into()))
}

/// Parses a chat: a recipient, a channel, or status updates.
///
/// # Errors
/// As [`recipient`].
pub(crate) fn chat(argument: &str, given: &str) -> Result<String, Failure> {
    let to: Result<Recipient, _> = given.parse();
    if let Ok(to) = to {
        return Ok(to.address());
    }
    let chat: Result<ChatId, _> = given.parse();
    chat.map(|chat| chat.jid().to_owned())
        .map_err(|error| wrong(argument, error))
}

fn wrong(argument: &str, error: RecipientError) -> Failure {
    let failure = Failure::usage(format!("{argument}: {error}"));
    match error {
        RecipientError::Phone(PhoneError::NoPlus | PhoneError::Empty | PhoneError::DoubleZero) => {
            failure.with_hint("write it like +15550100123")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use openclaw_types::corpus;

    use super::*;

    #[test]
    fn every_command_parses_numbers_like_the_agent() {
        for case in corpus::cases() {
            let to = recipient("TO", &case.input);
            match (&case.answer, &to) {
                (Ok(address), Ok(given)) => assert_eq!(given, address, "line {}", case.line),
                (Err(_), Err(_)) => {}
                _ => panic!("line {}: {:?}", case.line, case.answer),
            }
            let is_chat = chat("--chats", &case.input).is_ok();
            let only_a_chat = case.answer == Err("unsupported".to_owned());
            assert!(is_chat == to.is_ok() || only_a_chat, "line {}", case.line);
            let is = |part: &str| to.as_ref().is_ok_and(|to| to.contains(part));
            assert_eq!(
                phone("--phone", &case.input).is_ok(),
                is("+"),
                "line {}",
                case.line
            );
            let is_person = person("WHO", &case.input).is_ok();
            assert_eq!(is_person, is("+") || is("@lid"), "line {}", case.line);
        }
    }

    #[test]
    fn an_error_names_the_argument_and_not_the_number() {
        let refused = recipient("TO", "+44 (0) 7700 900123").map_err(|error| error.to_string());
        let text = refused.unwrap_err();
        assert!(
            text.starts_with("TO: (0) is not dialled") && !text.contains("7700"),
            "{text}"
        );
    }

    #[test]
    fn a_number_is_shown_in_full_or_masked_everywhere() {
        for (address, full, masked) in [
            (
                "15550100001@s.whatsapp.net",
                "+15550100001",
                "+1 555 XXX XXXX",
            ),
            (
                "15550100001:3@s.whatsapp.net",
                "+15550100001",
                "+1 555 XXX XXXX",
            ),
            (
                "100000000000001@lid",
                "100000000000001@lid",
                "100000000000001@lid",
            ),
            (
                "15550100001-1600000000@g.us",
                "15550100001-1600000000@g.us",
                "+1 555 XXX XXXX-1600000000@g.us",
            ),
        ] {
            assert_eq!(Numbers::Full.show_jid(address), full);
            assert_eq!(Numbers::Masked.show_jid(address), masked);
        }
        assert_eq!(Numbers::Full.show("+15550100001"), "+15550100001");
        assert_eq!(Numbers::Masked.show("+15550100001"), "+1 555 XXX XXXX");
        let sentence = "+1 555 XXX XXXX is on WhatsApp";
        assert_eq!(
            Numbers::Full.show_in(sentence, "+15550100001"),
            "+15550100001 is on WhatsApp"
        );
        assert_eq!(Numbers::Masked.show_in(sentence, "+15550100001"), sentence);
        // The caller gave a LID.
        let (lid, whole) = ("100000000000001@lid", "a + b: +15550100001 is on WhatsApp");
        assert_eq!(Numbers::Full.show_in(whole, lid), whole);
        assert_eq!(
            Numbers::Masked.show_in(whole, lid),
            "a + b: +1 555 XXX XXXX is on WhatsApp"
        );
    }

    #[test]
    fn masked_json_has_no_full_number() {
        let value = serde_json::json!({
            "seq": 1,
            "chat": "15550100001@s.whatsapp.net",
            "sender": {"phone": "+15550100001", "lid": "100000000000001@lid"},
            "list": ["+15550100002", "text"],
        });
        let masked = Numbers::Masked.show_json(value.clone()).to_string();
        assert!(
            !masked.contains("0100001") && !masked.contains("0100002"),
            "{masked}"
        );
        assert!(masked.contains("100000000000001@lid") && masked.contains("\"text\""));
        assert_eq!(Numbers::Full.show_json(value.clone()), value);
    }
}
