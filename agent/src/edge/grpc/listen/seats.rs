//! Seats limit the connections of all network clients together. If all are taken, a new connection takes the seat of a
//! less important one, so that an admin always gets in, whatever readers and operators hold.
//!
//! Less important is, in this order: the lower role, the client with more connections, the older connection. Between
//! clients of one role, a seat only moves to the client that then has fewer, so two clients never take it from each
//! other in turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_trust::{Fingerprint, Role};
use tokio::sync::oneshot;

/// Connections of clients.
const MAX_SEATS: usize = 64;

/// The seats. Clones share one table.
#[derive(Clone, Default)]
pub(super) struct Seats {
    taken: Arc<Mutex<TakenSeats>>,
}

/// Ordered by age, oldest first.
#[derive(Default)]
struct TakenSeats {
    seats: Vec<Entry>,
    last_id: u64,
}

struct Entry {
    id: u64,
    client: Fingerprint,
    role: Role,
    /// Dropped when the seat is taken by another connection.
    _lease: oneshot::Sender<()>,
}

/// A connection's seat. Dropping it frees the seat.
pub(super) struct Seat {
    id: u64,
    seats: Seats,
    lease: Option<oneshot::Receiver<()>>,
}

impl Seats {
    /// Takes a seat for a connection of this client. The second value is true if another connection lost its seat.
    /// `None` if no seat is free and none can be taken.
    pub(super) fn take(&self, client: Fingerprint, role: Role) -> Option<(Seat, bool)> {
        let mut taken = self.taken();
        let full = taken.seats.len() >= MAX_SEATS;
        if full {
            let victim = taken.victim_for(&client, role)?;
            taken.seats.remove(victim);
        }
        taken.last_id += 1;
        let (id, (sender, receiver)) = (taken.last_id, oneshot::channel());
        taken.seats.push(Entry {
            id,
            client,
            role,
            _lease: sender,
        });
        let seat = Seat {
            id,
            seats: self.clone(),
            lease: Some(receiver),
        };
        Some((seat, full))
    }

    fn taken(&self) -> MutexGuard<'_, TakenSeats> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakenSeats {
    fn victim_for(&self, client: &Fingerprint, role: Role) -> Option<usize> {
        let held = |client: &Fingerprint| {
            let theirs = self.seats.iter().filter(|seat| seat.client == *client);
            theirs.count()
        };
        let own = held(client);
        let lesser = self.seats.iter().enumerate().filter_map(|(index, seat)| {
            let held = held(&seat.client);
            let matters_less = seat.role < role || (seat.role == role && held > own + 1);
            matters_less.then_some((seat.role, std::cmp::Reverse(held), index))
        });
        lesser.min().map(|(_, _, index)| index)
    }
}

impl Seat {
    /// Resolves when the seat is taken by another connection. Call it once.
    pub(super) fn lost(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let lease = self.lease.take();
        async move {
            match lease {
                Some(lease) => drop(lease.await),
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().seats.retain(|seat| seat.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn client(number: u8) -> Fingerprint {
        Fingerprint::from_bytes([number; 32])
    }

    /// Fills all seats with connections of these clients in turn.
    fn filled(seats: &Seats, clients: &[(u8, Role)]) -> Vec<(u8, Seat)> {
        let turns = clients.iter().cycle().take(MAX_SEATS);
        turns
            .map(|(number, role)| {
                let (seat, _) = seats.take(client(*number), *role).unwrap();
                (*number, seat)
            })
            .collect()
    }

    fn losers(held: &mut [(u8, Seat)]) -> Vec<u8> {
        let lost = held
            .iter_mut()
            .filter_map(|(number, seat)| seat.lost().now_or_never().map(|()| *number));
        lost.collect()
    }

    #[test]
    fn a_higher_role_takes_the_seat_of_the_lowest() {
        for newcomer in [Role::Operator, Role::Admin] {
            let seats = Seats::default();
            let mut held = filled(
                &seats,
                &[(1, Role::Operator), (2, Role::Reader), (3, Role::Admin)],
            );
            let (_seat, took) = seats.take(client(9), newcomer).unwrap();
            assert!(took);
            assert_eq!(losers(&mut held), [2]);
        }
    }

    #[test]
    fn within_a_role_the_client_with_most_connections_loses_one() {
        let seats = Seats::default();
        let mut held = filled(
            &seats,
            &[(1, Role::Admin), (1, Role::Admin), (2, Role::Admin)],
        );
        let (_seat, took) = seats.take(client(9), Role::Admin).unwrap();
        assert!(took);
        assert_eq!(losers(&mut held), [1]);
    }

    #[test]
    fn a_lower_role_or_an_equal_share_gets_no_seat() {
        let seats = Seats::default();
        let _held = filled(&seats, &[(1, Role::Operator), (2, Role::Operator)]);
        assert!(seats.take(client(9), Role::Reader).is_none());
        assert!(seats.take(client(1), Role::Operator).is_none());
    }

    #[test]
    fn clients_of_one_role_do_not_take_a_seat_from_each_other_in_turns() {
        let seats = Seats::default();
        let mut held = filled(&seats, &[(1, Role::Reader)]);
        let mut moves = 0;
        while let Some((seat, _)) = seats.take(client(2), Role::Reader) {
            held.push((2, seat));
            moves += 1;
        }
        assert_eq!(moves, MAX_SEATS / 2);
        assert!(seats.take(client(1), Role::Reader).is_none());
    }

    #[test]
    fn a_seat_is_free_when_its_connection_ends() {
        let seats = Seats::default();
        let mut held = filled(&seats, &[(1, Role::Reader)]);
        assert!(seats.take(client(1), Role::Reader).is_none());
        held.pop();
        let (_seat, took) = seats.take(client(1), Role::Reader).unwrap();
        assert!(!took);
    }
}
