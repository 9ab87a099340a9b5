//! The open HTTP connections, limited in number. A new connection replaces the oldest, so that idle callers cannot
//! block a platform's probe. A local caller never loses its slot to a remote one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// The limit of connections: a platform's probe and a few scrapers, with room to spare.
const MAX_CONNECTIONS: usize = 128;
/// A connection keeps its slot at least this long. That is longer than a response takes, so that a burst of probes is
/// answered completely.
const MIN_AGE: Duration = Duration::from_millis(100);

/// Ordered by age, oldest first.
#[derive(Default)]
pub(super) struct Slots {
    open: VecDeque<Slot>,
}

struct Slot {
    local: bool,
    since: Instant,
    connection: AbortHandle,
}

impl Slots {
    /// When the next connection may be accepted.
    pub(super) fn next_slot_at(&mut self) -> Instant {
        self.open.retain(|slot| !slot.connection.is_finished());
        let victim = self.victim().and_then(|index| self.open.get(index));
        victim.map_or_else(Instant::now, |slot| slot.since + MIN_AGE)
    }

    /// Gives a slot to the connection that `spawn` starts, and closes another one if none is free.
    pub(super) fn take(&mut self, caller: IpAddr, spawn: impl FnOnce() -> AbortHandle) {
        if let Some(slot) = self.victim().and_then(|index| self.open.remove(index)) {
            slot.connection.abort();
        }
        self.open.push_back(Slot {
            // A listener on `[::]` shows IPv4 callers as mapped addresses.
            local: caller.to_canonical().is_loopback(),
            since: Instant::now(),
            connection: spawn(),
        });
    }

    /// The connection to close if no slot is free: the oldest remote one, or the oldest if all are local.
    fn victim(&self) -> Option<usize> {
        let full = self.open.len() >= MAX_CONNECTIONS;
        full.then(|| self.open.iter().position(|slot| !slot.local).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::task::JoinSet;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// Slots whose connections never end, and the handles of those connections in order.
    async fn filled(
        callers: impl IntoIterator<Item = IpAddr>,
    ) -> (Slots, Vec<AbortHandle>, JoinSet<()>) {
        let (mut slots, mut tasks, mut handles) = (Slots::default(), JoinSet::new(), Vec::new());
        for caller in callers {
            slots.next_slot_at();
            slots.take(caller, || {
                let handle = tasks.spawn(std::future::pending());
                handles.push(handle.clone());
                handle
            });
        }
        settle().await;
        (slots, handles, tasks)
    }

    /// Yields until every aborted task has ended.
    async fn settle() {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }

    fn closed(handles: &[AbortHandle]) -> Vec<usize> {
        let finished = handles
            .iter()
            .enumerate()
            .filter(|(_, it)| it.is_finished());
        finished.map(|(index, _)| index).collect()
    }

    #[tokio::test]
    async fn the_oldest_connection_is_closed_for_a_new_one() {
        let callers = vec![ELSEWHERE; MAX_CONNECTIONS + 3];
        let (slots, handles, _tasks) = filled(callers).await;
        assert_eq!(closed(&handles), [0, 1, 2]);
        assert_eq!(slots.open.len(), MAX_CONNECTIONS);
    }

    #[tokio::test]
    async fn a_local_caller_keeps_its_slot() {
        let callers = [HERE]
            .into_iter()
            .chain(vec![ELSEWHERE; 2 * MAX_CONNECTIONS]);
        let (_, handles, _tasks) = filled(callers).await;
        assert!(!closed(&handles).contains(&0));
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        let callers = [mapped].into_iter().chain(vec![ELSEWHERE; MAX_CONNECTIONS]);
        let (_, handles, _tasks) = filled(callers).await;
        assert_eq!(closed(&handles), [1]);
    }

    #[tokio::test]
    async fn if_all_callers_are_local_the_oldest_is_closed() {
        let (_, handles, _tasks) = filled(vec![HERE; MAX_CONNECTIONS + 1]).await;
        assert_eq!(closed(&handles), [0]);
    }

    #[tokio::test]
    async fn an_ended_connection_frees_its_slot() {
        let (mut slots, handles, mut tasks) = filled(vec![ELSEWHERE; MAX_CONNECTIONS]).await;
        handles[77].abort();
        settle().await;
        assert!(slots.next_slot_at() <= Instant::now());
        slots.take(ELSEWHERE, || tasks.spawn(std::future::pending()));
        settle().await;
        assert_eq!(closed(&handles), [77]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_until_the_oldest_reaches_the_minimum_age() {
        let (mut slots, _handles, _tasks) = filled(vec![ELSEWHERE; MAX_CONNECTIONS]).await;
        assert_eq!(slots.next_slot_at(), Instant::now() + MIN_AGE);
        tokio::time::advance(2 * MIN_AGE).await;
        assert!(slots.next_slot_at() < Instant::now());
    }
}
