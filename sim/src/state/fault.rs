//! The faults that can be injected, and the state of those that persist. `server::strike` injects them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use wacore_binary::{Node, NodeContent};

use crate::number::{DeviceId, Number};
use crate::state::limits::{Budget, Limited};
use crate::state::media::faults::MediaFault;
use crate::wire::ending::{Failure, LoginFailure};

/// A fault. Faults of "the account's sockets" apply to all sockets if no account is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Closes the account's sockets without a close frame.
    Drop,
    /// Closes the account's socket after this many more queued stanzas, without a close frame. Several are applied one
    /// after the other.
    DropAfter(u32),
    /// The backlog of the account's next login is not announced, and is sent only on request. This was observed after
    /// an interrupted login (whatsapp-rust#1377).
    Unannounced,
    /// The account's sockets stay open, but are neither read nor written. If there is no socket, the next one freezes
    /// as soon as it has logged in.
    HalfOpen,
    /// Delays every stanza to the account by this long. Zero ends it.
    Delay(Duration),
    /// Closes this many TCP connections as soon as they are accepted. For all accounts.
    Refuse(u32),
    /// `<stream:error code>`, then the socket closes.
    StreamError(u16),
    /// `<stream:error><xml-not-well-formed/>`, then the socket closes.
    BadXml,
    /// `<stream:error><ack/>`, as after a missing or wrong ack, then the socket closes.
    OwedAck,
    /// Only `<xmlstreamend/>`, then the socket closes.
    StreamEnd,
    /// The companions are removed: conflict `device_removed` now, failure 401 at every later login.
    DeviceRemoved,
    /// Another session took the companion's place: conflict `replaced`.
    Replaced,
    /// Answers the next login with a failure.
    Failure(Failure),
    /// Answers the next login with a failure that has more attributes, or that is followed by an immediate close.
    LoginFailure(LoginFailure),
    /// Sets the rate limit of each companion.
    Limit(Limited, Budget),
    /// Answers the next iqs in a namespace with an error.
    IqError(IqError),
    /// Does not answer the next iqs in a namespace.
    IqSilence(IqSilence),
    /// Answers the account's next messages with an error, and delivers none of them.
    Nack(Nack),
    /// Sends each of the next messages to the account twice.
    Duplicate(u32),
    /// Corrupts the ciphertext of each of the next messages to the account: the companion has to request it again.
    Corrupt(u32),
    /// The account's companions are not notified of the next changes of a contact's device list.
    HideDevices(u32),
    /// Holds this many messages to a companion, then sends them in reverse.
    Reorder(u32),
    /// All sockets are cut, the listener closes and opens again on the same port. Accounts and queues survive.
    Restart,
    /// The server uses a new static key with the same root: a client that cached the old one must fall back.
    NewServerKey,
    /// A fault of the media host. For all accounts.
    Media(MediaFault),
    /// Ends all faults, and releases held messages.
    Clear,
}

/// An iq that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IqError {
    /// The namespace, as in `w:g2`.
    pub xmlns: String,
    /// The error code.
    pub code: u16,
    /// How many iqs.
    pub count: u32,
}

/// An iq that is never answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IqSilence {
    /// The namespace, as in `usync`.
    pub xmlns: String,
    /// How many iqs.
    pub count: u32,
}

/// `<ack error>` for a message: WhatsApp's server refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack {
    /// The error code: 463 restricted, 429, 500, 503 …
    pub code: u16,
    /// How many messages.
    pub count: u32,
}

/// The persistent faults, of one account or of all.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) delay: Option<Duration>,
    pub(crate) freeze_next: bool,
    pub(crate) unannounced: bool,
    drop_after: VecDeque<u32>,
    pub(crate) failures: VecDeque<LoginFailure>,
    limits: BTreeMap<Limited, Budget>,
    iq_errors: Vec<IqError>,
    iq_silences: Vec<IqSilence>,
    nacks: VecDeque<Nack>,
    corrupt: u32,
    duplicate: u32,
    hide_devices: u32,
    reorder: usize,
    held: HashMap<DeviceId, Vec<Node>>,
}

impl Faults {
    pub(crate) fn touches_messages(&self) -> bool {
        self.corrupt > 0 || self.duplicate > 0 || self.reorder > 0
    }

    /// Called for each stanza written to a socket of the account; returns true if the socket is to be cut after it.
    pub(crate) fn cuts_after_this(&mut self) -> bool {
        let Some(left) = self.drop_after.front_mut() else {
            return false;
        };
        *left = left.saturating_sub(1);
        let ends = *left == 0;
        if ends {
            self.drop_after.pop_front();
        }
        ends
    }

    /// The stanzas to send now instead of this message.
    pub(crate) fn mangle(&mut self, number: &Number, device: u16, mut node: Node) -> Vec<Node> {
        if self.corrupt > 0 {
            self.corrupt -= 1;
            corrupt_ciphertexts(&mut node);
        }
        let mut nodes = vec![node];
        if self.duplicate > 0 {
            self.duplicate -= 1;
            nodes.push(nodes[0].clone());
        }
        if self.reorder == 0 {
            return nodes;
        }
        let held = self.held.entry((number.clone(), device)).or_default();
        held.append(&mut nodes);
        if held.len() < self.reorder {
            return nodes;
        }
        self.reorder = 0;
        let mut released = std::mem::take(held);
        released.reverse();
        released
    }

    /// Whether to drop the notification of a device change. Each call uses up one.
    pub(crate) fn hides_devices(&mut self) -> bool {
        let hides = self.hide_devices > 0;
        self.hide_devices = self.hide_devices.saturating_sub(1);
        hides
    }

    /// The error for the next message of the account, if one is due.
    pub(crate) fn nack(&mut self) -> Option<u16> {
        let next = self.nacks.front_mut()?;
        let code = next.code;
        next.count = next.count.saturating_sub(1);
        if next.count == 0 {
            self.nacks.pop_front();
        }
        Some(code)
    }

    /// Sets a fault that persists until it is used up or cleared.
    pub(crate) fn set(&mut self, fault: Fault) {
        match fault {
            Fault::Delay(delay) => self.delay = Some(delay).filter(|delay| !delay.is_zero()),
            Fault::Failure(failure) => self.failures.push_back(failure.into()),
            Fault::LoginFailure(failure) => self.failures.push_back(failure),
            Fault::Limit(what, budget) => {
                self.limits.insert(what, budget);
            }
            Fault::DropAfter(count) => self.drop_after.push_back(count),
            Fault::Unannounced => self.unannounced = true,
            Fault::IqError(error) => self.iq_errors.push(error),
            Fault::IqSilence(silence) => self.iq_silences.push(silence),
            Fault::Nack(nack) if nack.count == 0 => {}
            Fault::Nack(nack) => self.nacks.push_back(nack),
            Fault::Corrupt(count) => self.corrupt = count,
            Fault::Duplicate(count) => self.duplicate = count,
            Fault::HideDevices(count) => self.hide_devices = count,
            Fault::Reorder(count) => self.reorder = usize::try_from(count).unwrap_or(usize::MAX),
            _ => {}
        }
    }

    /// Removes the held messages, by companion.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = (DeviceId, Vec<Node>)> + use<> {
        std::mem::take(self).held.into_iter()
    }

    /// The budget, if one was set.
    pub(crate) fn limit(&self, what: Limited) -> Option<Budget> {
        self.limits.get(&what).copied()
    }

    /// Whether to leave an iq in this namespace unanswered.
    pub(crate) fn is_silent_on(&mut self, xmlns: &str) -> bool {
        let mut silences = self.iq_silences.iter_mut();
        let found = silences.find(|silence| silence.xmlns == xmlns && silence.count > 0);
        found.is_some_and(|silence| {
            silence.count -= 1;
            true
        })
    }

    /// The error for an iq in this namespace, if one is due.
    pub(crate) fn iq_error(&mut self, xmlns: &str) -> Option<u16> {
        let found = self
            .iq_errors
            .iter_mut()
            .find(|error| error.xmlns == xmlns && error.count > 0)?;
        found.count -= 1;
        let code = found.code;
        self.iq_errors.retain(|error| error.count > 0);
        Some(code)
    }
}

/// Flips a bit of every ciphertext where it is covered by the MAC or signature of each kind. The last bytes of a pkmsg
/// are not covered: they are ids, which a client may ignore.
fn corrupt_ciphertexts(message: &mut Node) {
    const FROM_END: usize = 12;
    let Some(NodeContent::Nodes(children)) = &mut message.content else {
        return;
    };
    for child in children.iter_mut().filter(|child| child.tag == "enc") {
        if let Some(NodeContent::Bytes(bytes)) = &mut child.content
            && let Some(byte) = bytes.iter_mut().nth_back(FROM_END - 1)
        {
            *byte ^= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use wacore_binary::builder::NodeBuilder;

    use super::*;

    fn message(id: u32) -> Node {
        NodeBuilder::new("message").attr("id", id).build()
    }

    fn ids(nodes: &[Node]) -> Vec<String> {
        nodes
            .iter()
            .map(|node| node.attrs.get("id").expect("an id").to_string())
            .collect()
    }

    #[test]
    fn reorder_holds_then_reverses_once() {
        let number: Number = "+15550100001".parse().expect("a number");
        let mut faults = Faults::default();
        faults.set(Fault::Reorder(3));
        assert!(faults.mangle(&number, 1, message(1)).is_empty());
        assert!(faults.mangle(&number, 1, message(2)).is_empty());
        let released = faults.mangle(&number, 1, message(3));
        assert_eq!(ids(&released), ["3", "2", "1"]);
        assert_eq!(ids(&faults.mangle(&number, 1, message(4))), ["4"]);
    }

    #[test]
    fn duplicate_counts_down() {
        let number: Number = "+15550100001".parse().expect("a number");
        let mut faults = Faults::default();
        faults.set(Fault::Duplicate(1));
        assert_eq!(ids(&faults.mangle(&number, 1, message(1))), ["1", "1"]);
        assert_eq!(ids(&faults.mangle(&number, 1, message(2))), ["2"]);
    }

    #[test]
    fn an_iq_error_is_used_up_per_namespace() {
        let mut faults = Faults::default();
        let error = IqError {
            xmlns: "usync".into(),
            code: 503,
            count: 1,
        };
        faults.set(Fault::IqError(error));
        assert_eq!(faults.iq_error("w:g2"), None);
        assert_eq!(faults.iq_error("usync"), Some(503));
        assert_eq!(faults.iq_error("usync"), None);
    }

    #[test]
    fn nacks_are_used_up_one_per_message_in_order() {
        let mut faults = Faults::default();
        for (code, count) in [(503, 2), (429, 0), (463, 1)] {
            faults.set(Fault::Nack(Nack { code, count }));
        }
        let codes: Vec<_> = std::iter::from_fn(|| faults.nack()).collect();
        assert_eq!(codes, [503, 503, 463]);
    }
}
