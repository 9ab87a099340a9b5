//! Tests of the machine: what a server, a phone or an attacker may send, and in which order. The phone's part is the
//! simulator's, which is written independently.

mod by_code;
mod by_passkey;
mod hostile;

use std::time::Duration;

use openclaw_sim::adv::{self, Signing};
use openclaw_sim::party::Party;
use tokio::time::Instant;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Node, SERVER_JID};

use super::link_code::bytes_of;
use super::machine::{Linked, Machine, Output};
use super::{CeremonyEnd, PasskeyError};
use crate::session::{Loss, Refusal, Report};

const KEY_INDEX: u32 = 3;

/// A machine, and what it has done so far.
struct Bench {
    machine: Machine,
    device: Device,
    account: Party,
    now: Instant,
    sent: Vec<Node>,
    reports: Vec<Report>,
    answered: Vec<Result<(), PasskeyError>>,
    linked: Option<Box<Linked>>,
    ended: Option<Loss>,
}

impl Bench {
    fn new() -> Self {
        let device = Device::new();
        Self {
            machine: Machine::new(&device),
            device,
            account: Party::new(),
            now: Instant::now(),
            sent: Vec::new(),
            reports: Vec::new(),
            answered: Vec::new(),
            linked: None,
            ended: None,
        }
    }

    /// With a QR code.
    fn offered() -> Self {
        let mut bench = Self::new();
        bench.get(offer(6));
        bench.sent.clear();
        bench
    }

    /// The server sends a stanza.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test makes each node for one call"
    )]
    fn get(&mut self, node: Node) {
        self.machine.receive(&node.as_node_ref(), self.now);
        self.collect();
    }

    /// The server answers the last request with this content.
    fn answer(&mut self, content: impl IntoIterator<Item = Node>) {
        self.get(answer(self.asked(), "result", content));
    }

    /// The server refuses the last request.
    fn refuse(&mut self, code: u16) {
        let error = NodeBuilder::new("error").attr("code", code).build();
        self.get(answer(self.asked(), "error", [error]));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.machine.tick(self.now);
        self.collect();
    }

    fn collect(&mut self) {
        for output in self.machine.take_outputs() {
            assert!(self.ended.is_none(), "nothing follows the end");
            match output {
                Output::Send(node) => self.sent.push(node),
                Output::Report(report) => self.reports.push(report),
                Output::Work(number, work) => {
                    self.machine.work_done(number, &work.run(), self.now);
                    return self.collect();
                }
                Output::Routing(_) => {}
                Output::Answered(result) => self.answered.push(result),
                Output::Link(linked) => self.linked = Some(linked),
                Output::End(loss) => self.ended = Some(loss),
            }
        }
    }

    /// The last request that was sent.
    fn asked(&self) -> &Node {
        let is_request = |node: &&Node| node.tag == "iq" && attr(node, "xmlns").is_some();
        self.sent.iter().rfind(is_request).expect("a request")
    }

    /// The content of a part of the last request.
    fn asked_for(&self, tags: &[&str]) -> Vec<u8> {
        let part = self.asked().get_optional_child_by_tag(tags);
        let part = part.expect("a part").as_node_ref();
        part.content_bytes().expect("bytes").to_vec()
    }

    fn identity(&self) -> [u8; 32] {
        bytes_of(&self.device.identity_key).unwrap()
    }

    fn secret(&self) -> [u8; 32] {
        *self.machine.secret
    }

    /// `pair-success` of the account.
    fn success(&self, secret: &[u8; 32], signing: Signing) -> Node {
        let identity = self.identity();
        let container =
            adv::device_identity(&self.account, &identity, secret, KEY_INDEX, 1, signing);
        success(container)
    }

    fn refused(&self) -> Option<Refusal> {
        match self.reports.last() {
            Some(Report::PairingRefused(refusal)) => Some(*refusal),
            _ => None,
        }
    }

    /// The code and text of the last `<error>` that was sent.
    fn error(&self) -> Option<(String, String)> {
        let error = self.sent.last()?.get_optional_child("error")?;
        Some((attr(error, "code")?, attr(error, "text")?))
    }
}

fn attr(node: &Node, name: &str) -> Option<String> {
    Some(node.attrs.get(name)?.to_string())
}

fn from_server(tag: &'static str) -> NodeBuilder {
    NodeBuilder::new(tag)
        .attr("from", SERVER_JID)
        .attr("id", "from-server")
}

fn iq(child: Node) -> Node {
    let iq = from_server("iq").attr("type", "set").attr("xmlns", "md");
    iq.children([child]).build()
}

fn answer(request: &Node, kind: &'static str, content: impl IntoIterator<Item = Node>) -> Node {
    NodeBuilder::new("iq")
        .attr("from", SERVER_JID)
        .attr("type", kind)
        .attr("id", attr(request, "id").unwrap())
        .children(content)
        .build()
}

fn notification(kind: &'static str, child: Option<Node>) -> Node {
    let notification = from_server("notification").attr("type", kind);
    notification.children(child).build()
}

fn leaf(tag: &'static str, bytes: impl Into<Vec<u8>>) -> Node {
    NodeBuilder::new(tag).bytes(bytes).build()
}

fn offer(refs: u8) -> Node {
    let refs = (0..refs).map(|place| leaf("ref", format!("ref-{place}")));
    iq(NodeBuilder::new("pair-device").children(refs).build())
}

fn success(container: Vec<u8>) -> Node {
    let device = NodeBuilder::new("device")
        .attr("jid", "15550100001:7@s.whatsapp.net")
        .attr("lid", "100000000000001:7@lid")
        .build();
    let parts = [leaf("device-identity", container), device];
    iq(NodeBuilder::new("pair-success").children(parts).build())
}

fn stream_error(code: u16) -> Node {
    NodeBuilder::new("stream:error").attr("code", code).build()
}

fn payload(report: Option<&Report>) -> String {
    match report {
        Some(Report::Qr { payload, .. }) => payload.0.clone(),
        other => panic!("no QR code but {other:?}"),
    }
}

#[tokio::test]
async fn refs_are_acked_and_shown_one_after_the_other() {
    let mut bench = Bench::new();
    bench.get(offer(6));
    assert_eq!(attr(&bench.sent[0], "id").as_deref(), Some("from-server"));
    assert_eq!(attr(&bench.sent[0], "type").as_deref(), Some("result"));
    let mut seconds = Vec::new();
    while bench.ended.is_none() {
        let Some(Report::Qr { valid, .. }) = bench.reports.last() else {
            panic!("no code");
        };
        seconds.push(valid.as_secs());
        bench.pass(*valid);
    }
    assert_eq!(seconds, [60, 20, 20, 20, 20, 20]);
    assert_eq!(bench.ended, Some(Loss::CodesExhausted));
    let refs = bench.reports.iter().map(|report| payload(Some(report)));
    let expected = (0..6).map(|place| format!("ref-{place}"));
    assert!(refs.map(|text| text[..5].to_owned()).eq(expected));
}

#[tokio::test]
async fn the_identity_of_an_account_is_signed_and_stored_after_the_restart() {
    for signing in [Signing::Ordinary, Signing::Hosted] {
        let mut bench = Bench::offered();
        bench.get(bench.success(&bench.secret(), signing));
        let reply = bench.sent.last().unwrap();
        let signed = reply.get_optional_child_by_tag(&["pair-device-sign", "device-identity"]);
        let signed = signed.unwrap();
        assert_eq!(attr(signed, "key-index"), Some(KEY_INDEX.to_string()));
        let signed = signed.as_node_ref();
        let signed = signed.content_bytes().unwrap();
        let account = bench.account.identity_public();
        let own = bench.identity();
        adv::verify_device_sign(&account, &own, signed, KEY_INDEX, signing).unwrap();
        assert!(
            bench.linked.is_none(),
            "not before the server has accepted it"
        );
        bench.get(stream_error(515));
        assert_eq!(bench.ended, Some(Loss::Restart));
        let linked = bench.linked.unwrap();
        assert_eq!(
            (linked.jid.user.as_str(), linked.jid.device),
            ("15550100001", 7)
        );
        assert_eq!(linked.lid.unwrap().user, "100000000000001");
    }
}

#[tokio::test]
async fn a_signature_that_the_server_refuses_links_nothing() {
    // WhatsApp Web signs like an ordinary companion here, too, and no server accepts that.
    for signing in [Signing::HostedByAccount, Signing::Provider] {
        let mut bench = Bench::offered();
        bench.get(bench.success(&bench.secret(), signing));
        bench.get(stream_error(400));
        assert_eq!(bench.refused(), Some(Refusal::Verification));
        assert_eq!(bench.ended, Some(Loss::Refused(400)));
        assert!(bench.linked.is_none());
    }
}

#[tokio::test]
async fn a_restart_that_is_lost_with_the_connection_leaves_the_link() {
    type Ending = fn(&mut Bench);
    let endings: [Ending; 3] = [
        |bench| bench.machine.lost(),
        |bench| bench.get(NodeBuilder::new("xmlstreamend").build()),
        |bench| bench.pass(Duration::from_secs(20)),
    ];
    for end in endings {
        let mut bench = Bench::offered();
        bench.get(bench.success(&bench.secret(), Signing::Ordinary));
        end(&mut bench);
        bench.collect();
        assert!(bench.linked.is_some());
        assert_eq!(bench.ended, Some(Loss::Restart));
    }
    let mut bench = Bench::offered();
    bench.get(bench.success(&bench.secret(), Signing::Ordinary));
    bench.machine.unsent();
    bench.collect();
    assert!(bench.linked.is_none(), "the signature did not leave");
    assert_eq!(bench.ended, Some(Loss::Connection));
}

#[tokio::test]
async fn only_the_first_success_counts() {
    let mut bench = Bench::offered();
    let success = bench.success(&bench.secret(), Signing::Ordinary);
    bench.get(success.clone());
    let sent = bench.sent.len();
    bench.get(success.clone());
    bench.get(offer(6));
    bench.get(NodeBuilder::new("stream:error").attr("code", 503).build());
    assert_eq!(bench.sent.len(), sent + 1, "the ack of the refs");
    bench.get(stream_error(515));
    bench.get(success);
    assert_eq!(bench.ended, Some(Loss::Restart));
    let reports = &bench.reports[..];
    assert!(matches!(reports, [Report::Qr { .. }, Report::Signed]));
}

#[tokio::test]
async fn the_server_s_pings_are_answered_and_answers_to_own_pings_expected() {
    let mut bench = Bench::new();
    for kind in [None, Some("get")] {
        let mut ping = from_server("iq").attr("xmlns", "urn:xmpp:ping");
        if let Some(kind) = kind {
            ping = ping.attr("type", kind);
        }
        bench.get(ping.build());
        let pong = bench.sent.pop().unwrap();
        assert_eq!(attr(&pong, "type").as_deref(), Some("result"));
        assert_eq!(attr(&pong, "id").as_deref(), Some("from-server"));
    }
    bench.machine.ping();
    bench.collect();
    bench.answer([]);
    assert_eq!(bench.sent.len(), 1, "no answer to an answer");
}

#[tokio::test]
async fn a_refreshed_registration_renews_the_code_and_keeps_its_time() {
    let mut bench = Bench::offered();
    let before = payload(bench.reports.last());
    bench.pass(Duration::from_secs(15));
    let child = NodeBuilder::new("companion_reg_refresh").build();
    bench.get(notification("companion_reg_refresh", Some(child)));
    let Some(Report::Qr { payload, valid }) = bench.reports.last() else {
        panic!("no code");
    };
    assert_ne!(payload.0, before);
    assert_eq!(valid.as_secs(), 45);
    bench.get(notification("companion_reg_refresh", None));
    assert_eq!(bench.reports.len(), 2, "one without content is ignored");
}

#[tokio::test]
async fn an_unanswered_request_is_a_lost_connection() {
    let mut bench = Bench::offered();
    bench
        .machine
        .request_code("+15550100001".parse().unwrap(), bench.now);
    bench.collect();
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.ended, None);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.ended, Some(Loss::Connection));
}
