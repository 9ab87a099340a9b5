//! The `status` output for a person.

use data_encoding::HEXLOWER;
use openclaw_proto::v1::{
    Build, Clock, DamagedEvents, EventRange, LinkReason, LinkState, LinkStatus, Restriction,
    SendHold, StatusResponse,
};
use prost_types::Timestamp;

use super::size::count;
use super::time::{ago, moment, span, until};
use super::word::words;
use super::{Detail, alerts, caller, network, rules, store};
use crate::clock::seconds_between;
use crate::numbers::Numbers;
use crate::text;

/// The lines of `status`, each with a newline. Unknown values have no line.
pub(crate) fn lines(
    status: &StatusResponse,
    numbers: Numbers,
    detail: Detail,
    now: Timestamp,
) -> String {
    let unknown = LinkStatus::default();
    let link = status.link.as_ref().unwrap_or(&unknown);
    let mut lines = Lines(vec![headline(link, numbers, now)]);
    lines.link(status, link, now);
    lines.events(status, link, now);
    lines.network(status, link, detail);
    lines.access(status, detail, now);
    lines.process(status, detail);
    lines.0.iter().map(|line| format!("{line}\n")).collect()
}

/// The lines so far.
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, label: &str, value: &str) {
        self.0.push(format!("{label:<13}{value}"));
    }

    fn add_known(&mut self, label: &str, value: Option<String>) {
        if let Some(value) = value {
            self.add(label, &value);
        }
    }

    /// The headline and the hint, the agent's identity and the device.
    fn link(&mut self, status: &StatusResponse, link: &LinkStatus, now: Timestamp) {
        self.add_known("Next:", hint(link).map(text::one_line));
        let restriction = link.restriction.as_ref();
        self.add_known("Restricted:", restriction.map(|it| restricted(it, now)));
        if let Some(hold) = &status.hold {
            self.add("Sends:", &held(hold, now));
            self.add("", &text::one_line(&hold.hint));
        }
        self.add_known("Ready:", settling(link, now));
        let name = status
            .agent
            .as_ref()
            .map(|agent| text::one_line(&agent.name));
        self.add_known("Agent:", name.filter(|name| !name.is_empty()));
        self.add_known("Device:", device(link, now));
    }

    /// The uptime and the kept events.
    fn events(&mut self, status: &StatusResponse, link: &LinkStatus, now: Timestamp) {
        if let Some(started) = status.started_at {
            let mut uptime = span(started, now);
            if let Some(frame) = link.last_frame_at {
                uptime.push_str(&format!(", last frame {}", ago(frame, now)));
            }
            self.add("Uptime:", &uptime);
        }
        let clock = status.clock.as_ref();
        self.add_known("Clock:", clock.and_then(|clock| stepped(clock, now)));
        if let Some(EventRange { head, oldest }) = status.events {
            let range = match oldest {
                // The head alone may be above 0: seqs are never reused, even if events are lost.
                0 => "none yet".to_owned(),
                _ => format!("head {head}, oldest {oldest}"),
            };
            self.add("Events:", &range);
        }
        for damaged in &status.damaged_events {
            let DamagedEvents {
                first,
                last,
                reason,
            } = damaged;
            let reason = text::one_line(reason);
            self.add("", &format!("{first} to {last} are damaged: {reason}"));
        }
        if status.pairing && link.state() != LinkState::Linking {
            self.add("Pairing:", "in progress");
        }
    }

    /// The way to WhatsApp, and the client version.
    fn network(&mut self, status: &StatusResponse, link: &LinkStatus, detail: Detail) {
        let Some(way) = &status.network else {
            return;
        };
        self.add_known("Network:", network::way(way, detail));
        if link.state() != LinkState::Connected && !way.error.is_empty() {
            self.add("", &text::one_line(&way.error));
            if !way.hint.is_empty() {
                self.add("", &text::one_line(&way.hint));
            }
        }
        self.add_known("Client:", network::client_version(way, detail));
    }

    /// The allowlist, the caller, and the alert receiver.
    fn access(&mut self, status: &StatusResponse, detail: Detail, now: Timestamp) {
        if let Some(rules) = &status.rules {
            self.add("Allows:", &rules::line(rules));
            for remark in rules.remarks.iter().filter(|_| detail == Detail::All) {
                self.add("", &text::one_line(remark));
            }
            if !rules.reload_error.is_empty() {
                self.add("", &text::one_line(&rules.reload_error));
            }
        }
        let caller = status.caller.as_ref();
        let caller = caller.filter(|caller| detail == Detail::All || !caller.name.is_empty());
        self.add_known("You are:", caller.map(caller::caller));
        let alerting = status.alerts.as_ref();
        let alerting = alerting.and_then(|it| alerts::status_line(it, detail == Detail::All, now));
        self.add_known("Alerts:", alerting);
        self.add_known("Agent key:", status.tls.as_ref().map(caller::agent_key));
    }

    /// The store, and the hardening of the process.
    fn process(&mut self, status: &StatusResponse, detail: Detail) {
        if let Some(vault) = &status.vault {
            self.add("Store:", &store::line(vault));
            if detail == Detail::All {
                self.add("Store id:", &HEXLOWER.encode(&vault.store_id));
                self.add("Opened by:", &store::slots(vault));
            }
        }
        let hardening = status.hardening.as_ref();
        let protection = hardening.and_then(|hardening| store::protection(hardening, detail));
        self.add_known("Protection:", protection);
        if let Some(Build { version, simulator }) = &status.build {
            let version = text::one_line(version);
            match (simulator, detail) {
                (true, _) => self.add("Build:", &format!("{version}, simulator build")),
                (false, Detail::All) => self.add("Build:", &version),
                (false, Detail::Wrong) => {}
            }
        }
    }
}

/// `held for 3 h: the store was rolled back (seen at generation 5, now 3); 2 messages held`
fn held(hold: &SendHold, now: Timestamp) -> String {
    let since = hold
        .since
        .map_or_else(String::new, |at| format!(" since {}", ago(at, now)));
    let seen = hold.seen.clone().unwrap_or_default();
    let back = if seen.generation == hold.generation {
        let (commits, generation) = (seen.commits, seen.generation);
        format!(
            "seen at commit {commits} of generation {generation}, which this copy does not have"
        )
    } else {
        let (generation, now) = (seen.generation, hold.generation);
        format!("seen at generation {generation}, then at {now}")
    };
    let waiting = match hold.queued {
        0 => String::new(),
        queued => format!("; {} held", count(queued.into(), "message")),
    };
    format!("held{since}: the store was rolled back, its volume is an older copy ({back}){waiting}")
}

/// `in 2 s, if the connection stays up`: for a link that has just connected.
fn settling(link: &LinkStatus, now: Timestamp) -> Option<String> {
    let at = link.ready_at.filter(|_| !link.ready)?;
    Some(format!("{}, if the connection stays up", until(at, now)))
}

/// `stepped back by 1h 0m, 3 min ago (2 times)`
fn stepped(clock: &Clock, now: Timestamp) -> Option<String> {
    let step = clock.last_step?;
    let direction = if step.seconds < 0 || step.nanos < 0 {
        "back"
    } else {
        "forward"
    };
    let start = Timestamp::default();
    let end = Timestamp {
        seconds: step.seconds.saturating_abs(),
        nanos: 0,
    };
    let mut line = format!("stepped {direction} by {}", span(start, end));
    if let Some(at) = clock.last_step_at {
        line.push_str(&format!(", {}", ago(at, now)));
    }
    if clock.steps > 1 {
        line.push_str(&format!(" ({} times)", clock.steps));
    }
    Some(line)
}

/// `Connected: +15550100123`, or another state with its cause.
pub(crate) fn headline(link: &LinkStatus, numbers: Numbers, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if !link.phone.is_empty() {
        parts.push(numbers.show(&link.phone));
    }
    match link.state() {
        LinkState::BackingOff => {
            if link.reason != 0 {
                parts.push(words::<LinkReason>(link.reason));
            }
            parts.push(format!("attempt {} failed", link.attempt));
            if let Some(at) = link.retry_at {
                parts.push(format!("next {}", until(at, now)));
            }
        }
        LinkState::Banned => parts.push(match link.banned_until {
            Some(end) if seconds_between(now, end) > 0 => {
                format!("ends {} ({})", until(end, now), moment(end))
            }
            Some(end) => format!("ended ({})", moment(end)),
            None => "WhatsApp gave no end".to_owned(),
        }),
        _ => {}
    }
    if link.code != 0 {
        parts.push(format!("code {}", link.code));
    }
    if let (true, Some(since)) = (needs_person(link.state()), link.since) {
        parts.push(ago(since, now));
    }
    let state = headline_word(link.state());
    if parts.is_empty() {
        state.to_owned()
    } else {
        format!("{state}: {}", parts.join(", "))
    }
}

/// `connected`, `logged out`: the state in a table.
pub(crate) fn state(link: &LinkStatus) -> String {
    words::<LinkState>(link.state)
}

/// The next step in a table; empty if there is none.
pub(crate) fn next_step(link: &LinkStatus) -> String {
    match (hint(link), &link.restriction) {
        (Some(hint), _) => text::one_line(hint),
        (None, Some(_)) => {
            "restricted: existing chats can be answered, new ones cannot be started".to_owned()
        }
        (None, None) => String::new(),
    }
}

fn headline_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Unspecified => "Unknown state",
        LinkState::Unlinked => "Not linked",
        LinkState::Linking => "Linking",
        LinkState::Connecting => "Connecting",
        LinkState::Connected => "Connected",
        LinkState::BackingOff => "Not connected",
        LinkState::LoggedOut => "Logged out",
        LinkState::Replaced => "Replaced",
        LinkState::Banned => "Banned",
        LinkState::Outdated => "Outdated",
    }
}

/// True if WhatsApp has ended the link.
pub(crate) fn needs_person(state: LinkState) -> bool {
    matches!(
        state,
        LinkState::LoggedOut | LinkState::Replaced | LinkState::Banned | LinkState::Outdated
    )
}

/// The next step: the agent's hint, else a default.
fn hint(link: &LinkStatus) -> Option<&str> {
    if !link.hint.is_empty() {
        return Some(&link.hint);
    }
    match link.state() {
        LinkState::Unlinked | LinkState::LoggedOut => {
            Some("run `openclawctl pair` and scan the code")
        }
        LinkState::Replaced => {
            Some("stop the other process that uses this link, then run `openclawctl resume`")
        }
        LinkState::Banned => Some("wait until the ban ends; pairing again does not lift it"),
        LinkState::Outdated => Some("update the agent; WhatsApp no longer accepts this version"),
        LinkState::Unspecified => Some("update openclawctl: the agent is newer"),
        _ => None,
    }
}

/// `until 2026-11-29T10:00:00Z (463 DEFAULT): …`
fn restricted(restriction: &Restriction, now: Timestamp) -> String {
    let Restriction {
        code,
        name,
        since,
        until,
        confirmed,
    } = restriction;
    let time = match (until, since) {
        (Some(until), _) if *confirmed => format!("until {}", moment(*until)),
        (_, Some(since)) => format!("since {}", ago(*since, now)),
        (_, None) => "by WhatsApp".to_owned(),
    };
    let name = match name.as_str() {
        "" => String::new(),
        name => format!(" {}", text::one_line(name)),
    };
    format!("{time} ({code}{name}): existing chats can be answered, new ones cannot be started")
}

fn device(link: &LinkStatus, now: Timestamp) -> Option<String> {
    let linked = link.linked_at.map(|at| format!("linked {}", ago(at, now)));
    match (link.device.as_str(), linked) {
        ("", linked) => linked,
        (device, None) => Some(text::one_line(device)),
        (device, Some(linked)) => Some(format!("{}, {linked}", text::one_line(device))),
    }
}
