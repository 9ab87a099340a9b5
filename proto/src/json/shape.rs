//! How the values of fields are written and read.

use std::borrow::Cow;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::ser::{SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};

use super::strict::is_request;
use crate::Word;

/// More seconds than any number of WhatsApp's, and few enough for nanoseconds in a `f64` to stay whole milliseconds.
const MAX_SECONDS: f64 = 1e12;

/// How a value of type `T` is written and read.
pub(super) trait Shape<T> {
    fn write<W: Serializer>(value: &T, to: W) -> Result<W::Ok, W::Error>;
    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<T, D::Error>;
}

/// As serde has it.
pub(super) struct Plain;

/// `null`, or in that shape.
pub(super) struct Maybe<S>(PhantomData<S>);

/// The word of an enum's value.
pub(super) struct OneWord<E>(PhantomData<E>);

/// A list of them.
pub(super) struct Words<E>(PhantomData<E>);

/// RFC 3339 in UTC.
pub(super) struct Timestamp;

/// Seconds.
pub(super) struct Duration;

/// An id's bytes.
pub(super) struct Hex;

/// An id's number: 16 digits.
pub(super) struct Hex64;

/// Other bytes.
pub(super) struct Base64;

impl<T: Serialize + DeserializeOwned> Shape<T> for Plain {
    fn write<W: Serializer>(value: &T, to: W) -> Result<W::Ok, W::Error> {
        value.serialize(to)
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        T::deserialize(from)
    }
}

impl<S: Shape<T>, T> Shape<Option<T>> for Maybe<S> {
    fn write<W: Serializer>(value: &Option<T>, to: W) -> Result<W::Ok, W::Error> {
        match value {
            None => to.serialize_none(),
            Some(value) => S::write(value, to),
        }
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        struct Present<S, T>(PhantomData<(S, T)>);

        impl<'de, S: Shape<T>, T> Visitor<'de> for Present<S, T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value or null")
            }

            fn visit_none<E>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_unit<E>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
                S::read(from).map(Some)
            }
        }

        from.deserialize_option(Present::<S, T>(PhantomData))
    }
}

/// A value that a later version added is its number.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "no word and no number")]
enum WordOrNumber<'a> {
    Number(i32),
    #[serde(borrow)]
    Word(Cow<'a, str>),
}

fn word<E: Word>(value: i32) -> Option<WordOrNumber<'static>> {
    match E::try_from(value) {
        _ if value == 0 => None,
        Ok(known) => Some(WordOrNumber::Word(known.word().into())),
        Err(_) => Some(WordOrNumber::Number(value)),
    }
}

fn value<E: Word, F: de::Error>(word: Option<WordOrNumber<'_>>) -> Result<i32, F> {
    match word {
        None => Ok(0),
        Some(WordOrNumber::Number(value)) => Ok(value),
        Some(WordOrNumber::Word(word)) => {
            let known = E::from_word(&word).map(Into::into);
            if known.is_none() && is_request() {
                return Err(F::custom(format_args!("unknown word {word:?}")));
            }
            Ok(known.unwrap_or_default())
        }
    }
}

impl<E: Word> Shape<i32> for OneWord<E> {
    fn write<W: Serializer>(value: &i32, to: W) -> Result<W::Ok, W::Error> {
        word::<E>(*value).serialize(to)
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
        value::<E, _>(Deserialize::deserialize(from)?)
    }
}

impl<E: Word> Shape<Vec<i32>> for Words<E> {
    fn write<W: Serializer>(values: &Vec<i32>, to: W) -> Result<W::Ok, W::Error> {
        let mut list = to.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&word::<E>(*value))?;
        }
        list.end()
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i32>, D::Error> {
        let words: Vec<Option<WordOrNumber<'_>>> = Deserialize::deserialize(from)?;
        words.into_iter().map(value::<E, _>).collect()
    }
}

impl Shape<Option<prost_types::Timestamp>> for Timestamp {
    fn write<W: Serializer>(at: &Option<prost_types::Timestamp>, to: W) -> Result<W::Ok, W::Error> {
        at.map(|at| at.to_string()).serialize(to)
    }

    fn read<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<prost_types::Timestamp>, D::Error> {
        let text: Option<String> = Deserialize::deserialize(from)?;
        text.map(|text| text.parse().map_err(de::Error::custom))
            .transpose()
    }
}

impl Shape<Option<prost_types::Duration>> for Duration {
    fn write<W: Serializer>(
        duration: &Option<prost_types::Duration>,
        to: W,
    ) -> Result<W::Ok, W::Error> {
        match duration {
            None => to.serialize_none(),
            Some(prost_types::Duration { seconds, nanos: 0 }) => to.serialize_i64(*seconds),
            Some(prost_types::Duration { seconds, nanos }) => {
                to.serialize_f64(*seconds as f64 + f64::from(*nanos) / 1e9)
            }
        }
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<prost_types::Duration>, D::Error> {
        let Some(seconds): Option<f64> = Deserialize::deserialize(from)? else {
            return Ok(None);
        };
        if seconds.abs() > MAX_SECONDS {
            return Err(de::Error::custom("too long a time"));
        }
        let nanos = (seconds.fract() * 1e9).round() as i32;
        let mut duration = prost_types::Duration {
            seconds: seconds.trunc() as i64,
            nanos,
        };
        duration.normalize();
        Ok(Some(duration))
    }
}

impl Shape<Vec<u8>> for Hex {
    fn write<W: Serializer>(bytes: &Vec<u8>, to: W) -> Result<W::Ok, W::Error> {
        to.collect_str(&HEXLOWER.encode_display(bytes))
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        bytes.map_err(|_| de::Error::custom("not hexadecimal, two digits a byte"))
    }
}

impl Shape<u64> for Hex64 {
    fn write<W: Serializer>(id: &u64, to: W) -> Result<W::Ok, W::Error> {
        to.collect_str(&HEXLOWER.encode_display(&id.to_be_bytes()))
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let number = bytes.map(u64::from_be_bytes);
        number.ok_or_else(|| de::Error::custom("not 16 hexadecimal digits"))
    }
}

impl Shape<Vec<u8>> for Base64 {
    fn write<W: Serializer>(bytes: &Vec<u8>, to: W) -> Result<W::Ok, W::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}
