//! The one JSON shape of the contract, both ways: what `openclawctl --json` prints, and every bridge.
//!
//! Names are those of the contract. Times are RFC 3339 in UTC, durations are seconds, bytes are base64 (ids are
//! hexadecimal), enums are words in lower case (`server_ack`). What is absent is `null`, what is empty is `""` or `[]`. A
//! `oneof` has two members: its own name with the name of the arm, and the arm: `"kind": "message", "message": {…}`; an
//! absent one is `"kind": null`.
//!
//! Programs depend on it: fields are added, never renamed or removed. Reading takes what is missing as absent and passes over
//! members that it does not know, arms and words among them: a later version may have written them. In a request such an arm or
//! word is an error, since without it another thing would be asked for. What it knows and cannot read is always an error that
//! names the member: two arms of a oneof, an arm other than the one that its oneof names.

mod shape;
mod strict;

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::Serializer;

use crate::v1;
use shape::{Base64, Duration, Hex, Hex64, Maybe, OneWord, Plain, Shape, Timestamp, Words};
use strict::{Within, is_request};

/// A value in its shape, to write.
struct As<'a, S, T>(&'a T, PhantomData<S>);

impl<'a, S, T> As<'a, S, T> {
    const fn new(value: &'a T) -> Self {
        Self(value, PhantomData)
    }
}

impl<S: Shape<T>, T> Serialize for As<'_, S, T> {
    fn serialize<W: Serializer>(&self, to: W) -> Result<W::Ok, W::Error> {
        S::write(self.0, to)
    }
}

/// A value in its shape, to read.
struct Of<S, T>(PhantomData<(S, T)>);

impl<'de, S: Shape<T>, T> DeserializeSeed<'de> for Of<S, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        S::read(from)
    }
}

/// The member that was just named. Its error names it too.
fn member<'de, S: Shape<T>, T, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<T, A::Error> {
    let value = map.next_value_seed(Of::<S, T>(PhantomData));
    value.map_err(|error| de::Error::custom(format_args!("{name}: {error}")))
}

fn refused<T, E: de::Error>(name: &str, why: &str) -> Result<T, E> {
    Err(E::custom(format_args!("{name}: {why}")))
}

/// A message, read a member at a time.
trait Message: Default {
    /// Its name.
    const NAME: &'static str;
    /// Its oneofs.
    const ONEOFS: &'static [&'static str];

    /// Takes the member that was just named; false when it has none of that name.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;

    /// Which arm a oneof has.
    fn arm(&self, oneof: &str) -> Option<&'static str>;
}

struct Members<M>(PhantomData<M>);

impl<'de, M: Message> Visitor<'de> for Members<M> {
    type Value = M;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(M::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<M, A::Error> {
        let mut message = M::default();
        let _within = Within::message(M::NAME);
        let (mut known, mut unknown, mut named) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            if known.contains(&name) {
                return refused(&name, "stands here twice");
            }
            if M::ONEOFS.contains(&name.as_str()) {
                let arm: Option<String> = member::<Plain, _, _>(&name, &mut map)?;
                named.extend(arm.map(|arm| (name.clone(), arm)));
            } else if !message.take(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
                unknown.push(name);
                continue;
            }
            known.push(name);
        }
        for (oneof, arm) in named {
            let present = message.arm(&oneof);
            let is_later = present.is_none() && unknown.contains(&arm) && !is_request();
            if present != Some(&arm) && !is_later {
                return refused(&oneof, &format!("there is no {arm:?} here"));
            }
        }
        Ok(message)
    }
}

/// `Serialize` and `Deserialize` of a message. The members of its oneofs stand among its own.
macro_rules! message {
    (
        $name:ident { $($field:ident = $key:literal: $shape:ty,)* }
        $($oneof:ident = $tag:literal: $module:ident::$arms:ident { $($variant:ident = $arm:literal: $arm_shape:ty,)+ })*
    ) => {
        impl serde::Serialize for v1::$name {
            #[allow(unused_mut, reason = "a message may be empty")]
            fn serialize<W: Serializer>(&self, to: W) -> Result<W::Ok, W::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = to.serialize_map(None)?;
                $(map.serialize_entry($key, &As::<$shape, _>::new(&self.$field))?;)*
                $(match &self.$oneof {
                    None => map.serialize_entry($tag, &())?,
                    $(Some(v1::$module::$arms::$variant(arm)) => {
                        map.serialize_entry($tag, $arm)?;
                        map.serialize_entry($arm, &As::<$arm_shape, _>::new(arm))?;
                    })+
                })*
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for v1::$name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_map(Members(PhantomData))
            }
        }

        impl Message for v1::$name {
            const NAME: &'static str = stringify!($name);
            const ONEOFS: &'static [&'static str] = &[$($tag),*];

            #[allow(unused_variables, reason = "a message may be empty")]
            fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
                match name {
                    $($key => {
                        self.$field = member::<$shape, _, _>(name, map)?;
                        Ok(true)
                    })*
                    $($($arm => {
                        let arm = member::<Maybe<$arm_shape>, _, _>(name, map)?;
                        if let Some(arm) = arm.map(v1::$module::$arms::$variant)
                            && self.$oneof.replace(arm).is_some()
                        {
                            return refused(name, concat!("a second one of `", $tag, "`"));
                        }
                        Ok(true)
                    })+)*
                    _ => Ok(false),
                }
            }

            fn arm(&self, oneof: &str) -> Option<&'static str> {
                match oneof {
                    $($tag => Some(match self.$oneof.as_ref()? {
                        $(v1::$module::$arms::$variant(_) => $arm,)+
                    }),)*
                    _ => None,
                }
            }
        }
    };
}

include!("gen/json.rs");

#[cfg(test)]
mod tests;
