//! JSON as Node writes it: values in file order, and bytes in all the encodings that Baileys has used.
//!
//! The order matters: it is the only record of the age of a session's chains, and a reader that drops it could
//! discard the newest chain. This module does not know the meaning of a file and never prints a value, because every
//! value may be a key.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Node writes padding, but does not require it when reading.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bound of the integers that a JavaScript number represents exactly.
const SAFE_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A value. Has no `Debug`.
pub(super) enum Json {
    /// `null`, `true`, `false`, and numbers that are not integers: unused in these files.
    Other,
    Integer(i64),
    Text(String),
    /// A list of only integers from 0 to 255; also an empty list.
    Bytes(Vec<u8>),
    List(Vec<Json>),
    /// In file order. For a duplicate key the last value applies, as in JavaScript.
    Object(Vec<(String, Json)>),
}

/// Why a file, or a part of it, cannot be used. Contains names of fields, never values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is empty")]
    Empty,
    #[error("it is not complete JSON")]
    NotJson,
    #[error("`{0}` is missing or not what it should be")]
    Field(&'static str),
    #[error("no session in it is complete")]
    NoSession,
    #[error("its name does not show whose it is")]
    Name,
}

impl Json {
    /// Parses a whole file. At most 128 levels deep, which is the parser's own limit.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let bytes = &*utf8(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::Empty);
        }
        serde_json::from_slice(bytes)
            .or_else(|_| serde_json::from_slice(&without_lone_surrogates(bytes)))
            .map_err(|_| Fault::NotJson)
    }

    /// The field, unless it is missing or null.
    pub(super) fn get(&self, field: &str) -> Option<&Self> {
        let Self::Object(entries) = self else {
            return None;
        };
        let entry = entries.iter().rev().find(|(name, _)| name == field);
        entry
            .map(|(_, value)| value)
            .filter(|value| !matches!(value, Self::Other))
    }

    pub(super) fn at(&self, field: &'static str) -> Result<&Self, Fault> {
        self.get(field).ok_or(Fault::Field(field))
    }

    pub(super) fn entries(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Bytes(bytes) if bytes.is_empty() => Some(&[]),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An integer, also if encoded as text or as a protobuf library's `{"low", "high"}`.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::Text(text) => text.parse().ok(),
            Self::Object(_) => {
                let half = |field| match self.get(field) {
                    Some(Self::Integer(half)) => Some(*half),
                    _ => None,
                };
                Some((half("high")? << 32) | (half("low")? & 0xffff_ffff))
            }
            _ => None,
        }
    }

    pub(super) fn integer_at<N: TryFrom<i64>>(&self, field: &'static str) -> Result<N, Fault> {
        let integer = self.at(field)?.integer();
        integer
            .and_then(|integer| N::try_from(integer).ok())
            .ok_or(Fault::Field(field))
    }

    pub(super) fn text_at(&self, field: &'static str) -> Result<&str, Fault> {
        self.at(field)?.text().ok_or(Fault::Field(field))
    }

    /// Bytes in any of the five encodings: `{"type":"Buffer","data":"…"}`, the same with a list, `{"0":…,"1":…}`, a
    /// list, base64.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Text(text) => base64(text),
            Self::Object(entries) => {
                let buffer = self.get("type").and_then(Self::text) == Some("Buffer");
                match self.get("data") {
                    Some(Self::Object(_)) => None,
                    Some(data) if buffer => data.bytes(),
                    _ => numbered(entries),
                }
            }
            Self::Other | Self::Integer(_) | Self::List(_) => None,
        }
    }

    pub(super) fn bytes_at(&self, field: &'static str) -> Result<Vec<u8>, Fault> {
        self.at(field)?.bytes().ok_or(Fault::Field(field))
    }

    /// Bytes of a fixed length.
    pub(super) fn array_at<const N: usize>(&self, field: &'static str) -> Result<[u8; N], Fault> {
        self.bytes_at(field)?
            .try_into()
            .map_err(|_| Fault::Field(field))
    }
}

/// Standard or URL-safe, with or without padding.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    BASE64.decode(plain).ok()
}

/// `{"0": 1, "1": 255}`: a typed array that was serialised as an object.
fn numbered(entries: &[(String, Json)]) -> Option<Vec<u8>> {
    let mut bytes = vec![None; entries.len()];
    for (index, value) in entries {
        let Json::Integer(byte) = value else {
            return None;
        };
        let index: usize = index.parse().ok()?;
        *bytes.get_mut(index)? = Some(u8::try_from(*byte).ok()?);
    }
    bytes.into_iter().collect()
}

/// Removes a byte order mark, which editors and shells on Windows add; converts UTF-16 to UTF-8 if the mark indicates
/// it.
fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// Node writes half a surrogate pair, for example at the end of a truncated name, as `\ud83d`, which a Rust string
/// cannot hold.
fn without_lone_surrogates(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    let unit = |at: usize| {
        let escape = bytes.get(at..at + 6)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut at = 0;
    while at < bytes.len() {
        at += match (bytes[at], unit(at)) {
            (b'\\', Some(0xd800..=0xdbff)) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            (b'\\', Some(0xd800..=0xdfff)) => {
                mended[at..at + 6].copy_from_slice(b"\\ufffd");
                6
            }
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    mended
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Json, E> {
        Ok(Json::Integer(integer))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Json, E> {
        Ok(i64::try_from(integer).map_or(Json::Other, Json::Integer))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number within range"
    )]
    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        let exact = number.fract() == 0.0 && number.abs() < SAFE_INTEGER;
        Ok(if exact {
            Json::Integer(number as i64)
        } else {
            Json::Other
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    /// Bytes are collected as bytes during parsing: a list of values needs thirty times the memory.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut bytes = Vec::new();
        let other = loop {
            match list.next_element()? {
                None => return Ok(Json::Bytes(bytes)),
                Some(Json::Integer(byte @ 0..=255)) => bytes.push(byte.to_le_bytes()[0]),
                Some(other) => break other,
            }
        };
        let mut items: Vec<Json> = bytes
            .into_iter()
            .map(|byte| Json::Integer(byte.into()))
            .collect();
        items.push(other);
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn bytes_are_read_in_every_encoding() {
        for text in [
            r#"{"type":"Buffer","data":"AP8B"}"#,
            r#"{"type":"Buffer","data":[0,255,1]}"#,
            r#"{"0":0,"1":255,"2":1}"#,
            r#"{"2":1,"0":0,"1":255}"#,
            "[0,255,1]",
            r#""AP8B""#,
        ] {
            assert_eq!(parse(text).bytes(), Some(vec![0, 255, 1]), "{text}");
        }
        for text in [r#""+/8=""#, r#""+/8""#, r#""-_8""#] {
            assert_eq!(parse(text).bytes(), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(parse("[]").bytes(), Some(Vec::new()));
    }

    #[test]
    fn values_that_are_not_bytes_are_refused() {
        for text in [
            "null",
            "7",
            "[256]",
            "[-1]",
            "[0.5]",
            r#"["a"]"#,
            r#"{"0":256}"#,
            r#"{"0":1,"2":1}"#,
            r#"{"0":1,"99999999999":1}"#,
            r#"{"type":"Buffer"}"#,
            r#"{"type":"Buffer","data":{"type":"Buffer","data":[]}}"#,
            r#""no base64!""#,
        ] {
            assert_eq!(parse(text).bytes(), None, "{text}");
        }
    }

    #[test]
    fn hostile_json_is_refused_without_a_panic() {
        let deep = "[".repeat(100_000);
        let nested = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        for text in [
            "",
            " \n",
            "\0",
            "{",
            "NaN",
            "1e999",
            "{\"a\":1}x",
            &deep,
            &nested,
        ] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text:.20}");
        }
        assert!(Json::parse(b"\xff\xfe").is_err());
    }

    #[test]
    fn non_integer_numbers_are_not_integers() {
        assert_eq!(parse("1e3").integer(), Some(1_000));
        assert_eq!(parse("\"1795345028\"").integer(), Some(1_795_345_028));
        assert_eq!(
            parse(r#"{"low":-1,"high":1,"unsigned":true}"#).integer(),
            Some(0x1_ffff_ffff)
        );
        for text in [
            "0.5",
            "1e300",
            "18446744073709551616",
            "\"x\"",
            "{}",
            "true",
        ] {
            assert_eq!(parse(text).integer(), None, "{text}");
        }
        assert!(parse(r#"{"n":4294967296}"#).integer_at::<u32>("n").is_err());
    }

    #[test]
    fn order_is_preserved_and_the_last_duplicate_applies() {
        let json = parse(r#"{"z":1,"a":2,"z":3}"#);
        let names: Vec<&str> = json
            .entries()
            .unwrap_or_default()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["z", "a", "z"]);
        assert_eq!(json.integer_at::<u8>("z"), Ok(3));
    }

    #[test]
    fn a_truncated_emoji_does_not_invalidate_a_file() {
        let json = parse(r#"{"name":"x\ud83d","both":"\ud83e\udd86","path":"\\ud83d"}"#);
        assert_eq!(json.text_at("name"), Ok("x\u{fffd}"));
        assert_eq!(json.text_at("both"), Ok("\u{1f986}"));
        assert_eq!(json.text_at("path"), Ok("\\ud83d"));
    }
}
