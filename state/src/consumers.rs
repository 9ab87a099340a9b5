//! Consumers: programs whose event cursor the agent stores, as a name and a seq in the vault.
//!
//! A cursor only moves forward, unless the consumer sets `go_back`. It does not affect retention: a consumer that
//! stays away for too long gets a gap, like any other client.

use std::time::SystemTime;

use openclaw_types::{Consumer, ConsumerName, Seq};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};

use crate::vault::{Tables, Vault};

/// The maximum number of consumers.
pub const MAX_CONSUMERS: usize = 64;

/// The consumers in a vault.
#[derive(Clone, Debug)]
pub struct Consumers(Vault);

/// Why a cursor is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerDenied {
    /// The limit for consumers.
    #[error("there are {MAX_CONSUMERS} consumers already")]
    Full,
    /// The event does not exist yet.
    #[error("the newest event is {}, there is no event {}", .head.0, .seq.0)]
    Ahead {
        /// The seq in the request.
        seq: Seq,
        /// The newest event.
        head: Seq,
    },
    /// No consumer has this name.
    #[error("no consumer has that name")]
    Unknown,
}

/// The stored row. Fields may be added, never renamed: volumes hold it.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "s")]
    seq: u64,
    /// Milliseconds since 1970.
    #[serde(rename = "t", default)]
    acked_at: u64,
}

impl Consumers {
    /// The consumers in `vault`.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// The last seq that the consumer acknowledged; `None` if the consumer does not exist.
    #[must_use]
    pub fn acked(&self, name: &ConsumerName) -> Option<Seq> {
        read(&self.0.load(key(name))?).map(|row| Seq(row.seq))
    }

    /// Creates a consumer that starts after `seq`, unless it exists. Returns its acknowledged seq. Durable on return.
    ///
    /// # Errors
    /// The limit for consumers is reached.
    pub async fn begin(
        &self,
        name: &ConsumerName,
        seq: Seq,
        head: Seq,
        now: SystemTime,
    ) -> Result<Seq, ConsumerDenied> {
        match self.acked(name) {
            Some(acked) => Ok(acked),
            // A consumer whose row cannot be decoded starts before the first event: it may see events twice, but
            // misses none.
            None if self.0.contains(key(name)) => self.ack(name, Seq(0), true, head, now).await,
            None => self.ack(name, seq, false, head, now).await,
        }
    }

    /// Records that a consumer has processed everything up to `seq`. Returns the acknowledged seq. Durable on return.
    ///
    /// # Errors
    /// See [`ConsumerDenied`].
    pub async fn ack(
        &self,
        name: &ConsumerName,
        seq: Seq,
        go_back: bool,
        head: Seq,
        now: SystemTime,
    ) -> Result<Seq, ConsumerDenied> {
        if seq > head {
            return Err(ConsumerDenied::Ahead { seq, head });
        }
        let acked_at = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let acked_at = u64::try_from(acked_at.as_millis()).unwrap_or_default();
        self.0
            .update_durably(|update| {
                let before = update.load(key(name));
                if before.is_none() && update.count(Tables::CONSUMERS) >= MAX_CONSUMERS {
                    return Err(ConsumerDenied::Full);
                }
                match before.and_then(|row| read(&row)) {
                    // A new journal may end before the seq that was acknowledged in the old one.
                    Some(row) if !go_back && row.seq >= seq.0 && row.seq <= head.0 => {
                        Ok(Seq(row.seq))
                    }
                    _ => {
                        let row = Row {
                            seq: seq.0,
                            acked_at,
                        };
                        let mut bytes = Vec::new();
                        ciborium::into_writer(&row, &mut bytes).expect("numbers can be encoded");
                        update.batch().put(key(name), &bytes);
                        Ok(seq)
                    }
                }
            })
            .await
    }

    /// All consumers, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Consumer> {
        let entries = self.0.scan(Tables::CONSUMERS, None);
        let mut all: Vec<Consumer> = entries
            .iter()
            .filter_map(|entry| {
                let row = read(&entry.value)?;
                Some(Consumer {
                    name: std::str::from_utf8(&entry.id).ok()?.parse().ok()?,
                    seq: Seq(row.seq),
                    acked_at: SystemTime::UNIX_EPOCH
                        + std::time::Duration::from_millis(row.acked_at),
                })
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Removes a consumer. Durable on return.
    ///
    /// # Errors
    /// No consumer has this name.
    pub async fn remove(&self, name: &ConsumerName) -> Result<(), ConsumerDenied> {
        self.0
            .update_durably(|update| {
                if !update.contains(key(name)) {
                    return Err(ConsumerDenied::Unknown);
                }
                update.batch().delete(key(name));
                Ok(())
            })
            .await
    }
}

fn key(name: &ConsumerName) -> Key<'_> {
    Key::new(Tables::CONSUMERS, "", name.as_str())
}

fn read(bytes: &[u8]) -> Option<Row> {
    ciborium::from_reader(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::vault::trial::Volume;

    const HEAD: Seq = Seq(100);

    fn of(volume: &Volume) -> Consumers {
        Consumers::new(volume.vault.clone())
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn name(text: &str) -> ConsumerName {
        text.parse().unwrap()
    }

    async fn ack(consumers: &Consumers, seq: u64, go_back: bool) -> Result<u64, ConsumerDenied> {
        let name = name("a");
        let acked = consumers.ack(&name, Seq(seq), go_back, HEAD, now());
        acked.await.map(|Seq(seq)| seq)
    }

    #[tokio::test]
    async fn a_cursor_moves_forward_and_back_only_on_request() {
        let volume = Volume::new();
        let consumers = of(&volume);
        assert_eq!(consumers.acked(&name("a")), None);
        assert_eq!(ack(&consumers, 7, false).await, Ok(7));
        assert_eq!(ack(&consumers, 5, false).await, Ok(7));
        assert_eq!(ack(&consumers, 5, true).await, Ok(5));
        assert_eq!(consumers.acked(&name("a")), Some(Seq(5)));
        let ahead = ConsumerDenied::Ahead {
            seq: Seq(101),
            head: HEAD,
        };
        assert_eq!(ack(&consumers, 101, true).await, Err(ahead));
    }

    #[tokio::test]
    async fn a_cursor_beyond_a_new_journal_is_dropped() {
        let volume = Volume::new();
        let consumers = of(&volume);
        ack(&consumers, 90, false).await.unwrap();
        let name = name("a");
        let acked = consumers.ack(&name, Seq(3), false, Seq(10), now());
        assert_eq!(acked.await, Ok(Seq(3)));
    }

    #[tokio::test]
    async fn a_cursor_survives_a_restart() {
        let mut volume = Volume::new();
        ack(&of(&volume), 7, false).await.unwrap();
        volume.reopen();
        let consumer = Consumer {
            name: name("a"),
            seq: Seq(7),
            acked_at: now(),
        };
        assert_eq!(of(&volume).list(), [consumer]);
    }

    #[tokio::test]
    async fn the_number_of_consumers_is_limited_until_one_is_removed() {
        let volume = Volume::new();
        let consumers = of(&volume);
        for n in 0..MAX_CONSUMERS {
            let name = name(&format!("c{n}"));
            consumers
                .ack(&name, Seq(1), false, HEAD, now())
                .await
                .unwrap();
        }
        assert_eq!(ack(&consumers, 1, false).await, Err(ConsumerDenied::Full));
        assert_eq!(consumers.remove(&name("c9")).await, Ok(()));
        assert_eq!(
            consumers.remove(&name("c9")).await,
            Err(ConsumerDenied::Unknown)
        );
        assert_eq!(ack(&consumers, 1, false).await, Ok(1));
        let names: Vec<_> = consumers.list().into_iter().map(|c| c.name).collect();
        assert!(names.is_sorted() && names.len() == MAX_CONSUMERS);
    }
}
