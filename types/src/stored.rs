//! Serde helpers for stored types: times as one number, and readers that tolerate unknown values.
//!
//! The names and shapes are on disks: fields are added, never renamed, and fields of a later version are ignored.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds since 1970, which lasts until 2554. Earlier times become 1970.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Time(u64);

impl From<SystemTime> for Time {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Time> for SystemTime {
    fn from(Time(nanos): Time) -> Self {
        UNIX_EPOCH + Duration::from_nanos(nanos)
    }
}

/// For `#[serde(with = …)]` on a `SystemTime`.
pub(crate) mod time {
    use super::{Deserialize, Deserializer, Serialize, Serializer, SystemTime, Time};

    pub(crate) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        Time::from(*at).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        Time::deserialize(from).map(SystemTime::from)
    }
}

/// For `#[serde(with = …)]` on an `Option<SystemTime>`.
pub(crate) mod maybe_time {
    use super::{Deserialize, Deserializer, Serialize, Serializer, SystemTime, Time};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Time::from).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Option::<Time>::deserialize(from).map(|at| at.map(SystemTime::from))
    }
}

/// For `#[serde(deserialize_with = …)]`: an unreadable value becomes the default instead of an error.
pub(crate) fn lenient<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Read<T> {
        Known(T),
        Unknown(IgnoredAny),
    }
    Ok(match Read::deserialize(from)? {
        Read::Known(known) => known,
        Read::Unknown(_) => T::default(),
    })
}
