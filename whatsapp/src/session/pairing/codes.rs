//! The QR codes of a connection: which one is shown, and until when. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::wacore::companion_reg::companion_web_client_type_for_props;
use whatsapp_rust::wacore::pair::{DeviceState, PairUtils};
use whatsapp_rust::wacore_binary::NodeRef;

use super::link_code::LinkCode;
use super::machine::{Machine, random_key};
use super::stanza;
use crate::session::{Report, Secret};

/// How long WhatsApp accepts the first code, and each later one.
const FIRST_VALID: Duration = Duration::from_secs(60);
const NEXT_VALID: Duration = Duration::from_secs(20);
/// WhatsApp sends six. More than these are ignored.
const MAX_REFS: usize = 16;

/// The codes that are left, and the one that is shown.
#[derive(Default)]
pub(super) struct Codes {
    refs: VecDeque<String>,
    shown: Option<Shown>,
}

/// The reference of the code that is shown.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) reference: String,
    pub(super) until: Instant,
}

/// What follows when a code expires.
pub(super) enum Turn {
    /// Nothing: the code is still valid, or there never was one.
    Stay,
    /// The next code is shown.
    Next,
    /// There are no more codes.
    Exhausted,
}

impl Codes {
    /// Starts with the server's references; earlier ones are void.
    pub(super) fn offer<'a>(&mut self, refs: impl Iterator<Item = &'a str>, now: Instant) -> bool {
        self.refs = refs
            .filter(|text| stanza::is_reference(text))
            .take(MAX_REFS)
            .map(str::to_owned)
            .collect();
        self.show(now + FIRST_VALID)
    }

    /// The code that is shown.
    pub(super) fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// When [`Codes::turn`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.shown.as_ref().map(|shown| shown.until)
    }

    /// Shows the next code if the current one has expired.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        match self.due() {
            Some(due) if due <= now => {
                if self.show(now + NEXT_VALID) {
                    Turn::Next
                } else {
                    Turn::Exhausted
                }
            }
            _ => Turn::Stay,
        }
    }

    /// No code is shown any more.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    fn show(&mut self, until: Instant) -> bool {
        let shown = |reference| Shown { reference, until };
        self.shown = self.refs.pop_front().map(shown);
        self.shown.is_some()
    }
}

impl Machine {
    /// New references, which replace earlier ones.
    pub(super) fn receive_refs(&mut self, offer: &NodeRef<'_>, now: Instant) {
        // A phone that answers a ceremony has scanned a code already.
        if !self.is_waiting() || self.ceremony.is_some() {
            return;
        }
        let refs = offer
            .get_children_by_tag("ref")
            .filter_map(|reference| stanza::own_text(reference));
        if self.codes.offer(refs, now) {
            self.show_code(now);
        }
    }

    /// The server requests a new secret, because it no longer accepts the current one.
    pub(super) fn receive_refresh(&mut self, node: &NodeRef<'_>, now: Instant) {
        let children = ["companion_reg_refresh", "pair-device-rotate-qr"];
        let is_valid = children
            .iter()
            .any(|tag| node.get_optional_child(tag).is_some());
        // A phone that has answered uses the current one.
        let is_in_use =
            self.ceremony.is_some() || self.link_code.as_ref().is_some_and(LinkCode::is_answered);
        if is_valid && !is_in_use {
            self.renew_secret(now);
        }
    }

    /// Replaces the secret, which the QR code contains.
    pub(super) fn renew_secret(&mut self, now: Instant) {
        self.secret = random_key();
        self.show_code(now);
    }

    pub(super) fn show_code(&mut self, now: Instant) {
        let Some(shown) = self.codes.shown() else {
            return;
        };
        let state = DeviceState {
            identity_key: self.own.identity.clone(),
            noise_key: self.own.noise.clone(),
            adv_secret_key: *self.secret,
        };
        let client = companion_web_client_type_for_props(&self.own.props);
        let payload = Secret(PairUtils::make_qr_data(&state, &shown.reference, client));
        let valid = shown.until.saturating_duration_since(now);
        self.report(Report::Qr { payload, valid });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn six_codes_last_for_160_seconds() {
        let start = Instant::now();
        let mut codes = Codes::default();
        assert!(codes.offer(["a", "b", "c", "d", "e", "f"].into_iter(), start));
        let mut lasts = Vec::new();
        while let Some(due) = codes.due() {
            assert!(matches!(
                codes.turn(due - Duration::from_millis(1)),
                Turn::Stay
            ));
            lasts.push((due - start).as_secs());
            codes.turn(due);
        }
        assert_eq!(lasts, [60, 80, 100, 120, 140, 160]);
    }

    #[tokio::test]
    async fn unusable_refs_show_nothing() {
        let mut codes = Codes::default();
        let long = "x".repeat(stanza::MAX_REF_BYTES + 1);
        assert!(!codes.offer(["", long.as_str()].into_iter(), Instant::now()));
        assert!(codes.due().is_none());
        let many = std::iter::repeat_n("r", 10_000);
        assert!(codes.offer(many, Instant::now()));
        assert_eq!(codes.refs.len(), MAX_REFS - 1);
    }
}
