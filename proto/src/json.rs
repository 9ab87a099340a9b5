//! The one JSON shape of the contract, both ways: what `openclawctl --json` prints, and every bridge.
//!
//! Names are those of the contract. Times are RFC 3339 in UTC, durations are seconds, bytes are base64 (ids are
//! hexadecimal), enums are words in lower case (`server_ack`). What is absent is `null`, what is empty is `""` or `[]`. A
//! `oneof` has two members: its own name with the name of the arm, and the arm: `"kind": "message", "message": {…}`.
//! Programs depend on it: fields are added, never renamed or removed. Reading takes what is missing as absent.

use std::marker::PhantomData;

use serde::de::{self, Deserializer};
use serde::ser::{SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::{Word, v1};

/// An enum's value.
pub(crate) struct OneWord<T>(PhantomData<T>);

/// A list of them.
pub(crate) struct Words<T>(PhantomData<T>);

/// A value that a later version added is its number.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WordOrNumber<'a> {
    Number(i32),
    #[serde(borrow)]
    Word(std::borrow::Cow<'a, str>),
}

fn word<T: Word>(value: i32) -> Option<WordOrNumber<'static>> {
    match T::try_from(value) {
        _ if value == 0 => None,
        Ok(known) => Some(WordOrNumber::Word(known.word().into())),
        Err(_) => Some(WordOrNumber::Number(value)),
    }
}

fn value<T: Word, E: de::Error>(word: Option<WordOrNumber<'_>>) -> Result<i32, E> {
    match word {
        None => Ok(0),
        Some(WordOrNumber::Number(value)) => Ok(value),
        Some(WordOrNumber::Word(word)) => {
            let known = T::from_word(&word).map(Into::into);
            known.ok_or_else(|| E::custom(format_args!("unknown word {word:?}")))
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
impl<T: Word> OneWord<T> {
    pub(crate) fn serialize<S: Serializer>(value: &i32, to: S) -> Result<S::Ok, S::Error> {
        word::<T>(*value).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
        value::<T, _>(Deserialize::deserialize(from)?)
    }
}

impl<T: Word> Words<T> {
    pub(crate) fn serialize<S: Serializer>(values: &[i32], to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&word::<T>(*value))?;
        }
        list.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i32>, D::Error> {
        let words: Vec<Option<WordOrNumber<'_>>> = Deserialize::deserialize(from)?;
        words.into_iter().map(value::<T, _>).collect()
    }
}

pub(crate) mod timestamp {
    use super::{Deserialize, Deserializer, Serialize, Serializer, de};
    use prost_types::Timestamp;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(|at| at.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text: Option<String> = Deserialize::deserialize(from)?;
        text.map(|text| text.parse().map_err(de::Error::custom))
            .transpose()
    }
}

pub(crate) mod duration {
    use super::{Deserialize, Deserializer, Serializer, de};
    use prost_types::Duration;

    /// More seconds than any number of WhatsApp's, and few enough for nanoseconds in a `f64` to stay whole milliseconds.
    const MAX_SECONDS: f64 = 1e12;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            None => to.serialize_none(),
            Some(Duration { seconds, nanos: 0 }) => to.serialize_i64(*seconds),
            Some(Duration { seconds, nanos }) => {
                to.serialize_f64(*seconds as f64 + f64::from(*nanos) / 1e9)
            }
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(seconds): Option<f64> = Deserialize::deserialize(from)? else {
            return Ok(None);
        };
        if seconds.abs() > MAX_SECONDS {
            return Err(de::Error::custom("too long a time"));
        }
        let nanos = (seconds.fract() * 1e9).round() as i32;
        let mut duration = Duration {
            seconds: seconds.trunc() as i64,
            nanos,
        };
        duration.normalize();
        Ok(Some(duration))
    }
}

pub(crate) mod hex {
    use super::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}", Hex(bytes)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let byte = |pair: &[u8]| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16)
                .ok()
                .filter(|_| pair.len() == 2)
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.ok_or_else(|| de::Error::custom("not hexadecimal"))
    }

    struct Hex<'a>(&'a [u8]);

    impl std::fmt::Display for Hex<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

pub(crate) mod hex64 {
    use super::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(id: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{id:016x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(de::Error::custom)
    }
}

pub(crate) mod base64 {
    use super::{Deserialize, Deserializer, Serializer, de};
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

/// Bytes as an arm.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Base64(#[serde(with = "base64")] pub(crate) Vec<u8>);

/// `Serialize` and `Deserialize` of a oneof whose members stand among those of its message.
macro_rules! oneof {
    ($tag:literal, $ty:ty { $($name:literal => $variant:ident as $shape:ident,)+ }) => {
        const _: () = {
            type Oneof = $ty;

            impl serde::Serialize for Oneof {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    use serde::ser::SerializeMap as _;
                    let mut map = to.serialize_map(Some(2))?;
                    match self {
                        $(Self::$variant(arm) => {
                            map.serialize_entry($tag, $name)?;
                            crate::json::oneof!(@put map, $name, arm, $shape);
                        })+
                    }
                    map.end()
                }
            }

            impl<'de> serde::Deserialize<'de> for Oneof {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    struct Arms;

                    impl<'de> serde::de::Visitor<'de> for Arms {
                        type Value = Oneof;

                        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            f.write_str(concat!("one of:" $(, " ", $name)+))
                        }

                        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Oneof, A::Error> {
                            let mut found = None;
                            while let Some(key) = map.next_key::<String>()? {
                                match key.as_str() {
                                    $($name => {
                                        if let Some(arm) = map.next_value::<Option<_>>()? {
                                            found = Some(crate::json::oneof!(@take Oneof::$variant, arm, $shape));
                                        }
                                    })+
                                    _ => {
                                        map.next_value::<serde::de::IgnoredAny>()?;
                                    }
                                }
                            }
                            found.ok_or_else(|| serde::de::Error::custom("no arm"))
                        }
                    }

                    from.deserialize_map(Arms)
                }
            }
        };
    };
    (@put $map:ident, $name:literal, $arm:ident, plain) => { $map.serialize_entry($name, $arm)? };
    (@put $map:ident, $name:literal, $arm:ident, base64) => {
        $map.serialize_entry($name, &crate::json::Base64($arm.clone()))?
    };
    (@take $variant:path, $arm:ident, plain) => { $variant($arm) };
    (@take $variant:path, $arm:ident, base64) => {{
        let crate::json::Base64(bytes) = $arm;
        $variant(bytes)
    }};
}
pub(crate) use oneof;

include!("gen/json.rs");

#[cfg(test)]
mod tests;
