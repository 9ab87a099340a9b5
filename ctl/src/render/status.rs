//! The answer of `status`, for a person.

use openclaw_proto::v1::{
    Build, Clock, DamagedEvents, EventRange, LinkState, LinkStatus, SendHold, StatusResponse,
    Storage,
};
use prost_types::Timestamp;

use crate::alerts;
use crate::clock::seconds_between;
pub(crate) use crate::numbers::Numbers;
use crate::render::caller;
use crate::render::rules;
use crate::render::size::count;
use crate::render::store;
use crate::render::time::{ago, moment, span, until};
use crate::text;

/// How much is said of what is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The default: only what is wrong.
    Wrong,
    /// Everything.
    All,
}

/// The lines of `status`, each ended. What is not known has no line.
pub(crate) fn lines(
    status: &StatusResponse,
    numbers: Numbers,
    detail: Detail,
    now: Timestamp,
) -> String {
    let StatusResponse {
        link,
        started_at,
        events,
        build,
        storage: _,
        pairing,
        traffic: _,
        vault,
        hardening,
        rules,
        caller,
        tls,
        alerts: alerting,
        damaged_events,
        hold,
        clock,
    } = status;
    let unknown = LinkStatus::default();
    let link = link.as_ref().unwrap_or(&unknown);
    let mut lines = vec![headline(link, numbers, now)];
    let mut add = |label: &str, value: String| lines.push(format!("{label:<13}{value}"));
    if let Some(hint) = hint(link) {
        add("Next:", text::one_line(hint));
    }
    if let Some(hold) = hold {
        add("Sends:", held(hold, now));
        add("", text::one_line(&hold.hint));
    }
    if let Some(line) = settling(link, now) {
        add("Ready:", line);
    }
    if let Some(device) = device(link, now) {
        add("Device:", device);
    }
    if let Some(started) = started_at {
        let mut uptime = span(*started, now);
        if let Some(frame) = link.last_frame_at {
            uptime.push_str(&format!(", last frame {}", ago(frame, now)));
        }
        add("Uptime:", uptime);
    }
    if let Some(line) = clock.as_ref().and_then(|clock| stepped(clock, now)) {
        add("Clock:", line);
    }
    if let Some(EventRange { head, oldest }) = events {
        add(
            "Events:",
            match oldest {
                // The head alone may be above 0: seqs never repeat, also when events are lost.
                0 => "none yet".to_owned(),
                _ => format!("head {head}, oldest {oldest}"),
            },
        );
    }
    for DamagedEvents {
        first,
        last,
        reason,
    } in damaged_events
    {
        let reason = text::one_line(reason);
        add("", format!("{first} to {last} are damaged: {reason}"));
    }
    if *pairing && link.state() != LinkState::Linking {
        add("Pairing:", "in progress".to_owned());
    }
    if let Some(rules) = rules {
        add("Admits:", rules::line(rules));
        for remark in rules.remarks.iter().filter(|_| detail == Detail::All) {
            add("", text::one_line(remark));
        }
        if !rules.reload_error.is_empty() {
            add("", text::one_line(&rules.reload_error));
        }
    }
    if let Some(caller) = caller
        && (detail == Detail::All || !caller.name.is_empty())
    {
        add("You are:", caller::caller(caller));
    }
    if let Some(line) = alerting
        .as_ref()
        .and_then(|alerting| alerts::status_line(alerting, detail == Detail::All, now))
    {
        add("Alerts:", line);
    }
    if let Some(tls) = tls {
        add("Agent key:", caller::agent_key(tls));
    }
    if status.storage() == Storage::Memory {
        add(
            "Storage:",
            "in memory, a restart forgets the link".to_owned(),
        );
    }
    if let Some(vault) = vault {
        add("Store:", store::line(vault));
        if detail == Detail::All {
            add("Store id:", text::hex(&vault.store_id));
            add("Opened by:", store::slots(vault));
        }
    }
    if let Some(protection) = hardening
        .as_ref()
        .and_then(|h| store::protection(h, detail))
    {
        add("Protection:", protection);
    }
    if let Some(build) = build {
        let Build { version, simulator } = build;
        let version = text::one_line(version);
        match (simulator, detail) {
            (true, _) => add("Build:", format!("{version}, simulator build")),
            (false, Detail::All) => add("Build:", version),
            (false, Detail::Wrong) => {}
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// `held for 3 h: the store went back (seen at generation 5, now 3); 2 messages wait`
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
    format!("held{since}: the store went back, its volume is an older copy ({back}){waiting}")
}

/// `in 2 s, if the connection holds`: for a link that has just come up.
fn settling(link: &LinkStatus, now: Timestamp) -> Option<String> {
    let at = link.ready_at.filter(|_| !link.ready)?;
    Some(format!("{}, if the connection holds", until(at, now)))
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

/// `Connected: +15550100123`, and for other states what makes them so.
pub(crate) fn headline(link: &LinkStatus, numbers: Numbers, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if !link.phone.is_empty() {
        parts.push(numbers.show(&link.phone));
    }
    match link.state() {
        LinkState::BackingOff => {
            if !link.reason.is_empty() {
                parts.push(text::one_line(&link.reason).replace('_', " "));
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
            None => "WhatsApp named no end".to_owned(),
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

/// The state in one word, the same in JSON, logs and metrics.
pub(crate) fn state_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Unspecified => "unknown",
        LinkState::Unlinked => "unlinked",
        LinkState::Linking => "linking",
        LinkState::Connecting => "connecting",
        LinkState::Connected => "connected",
        LinkState::BackingOff => "backing_off",
        LinkState::LoggedOut => "logged_out",
        LinkState::Replaced => "replaced",
        LinkState::Banned => "banned",
        LinkState::Outdated => "outdated",
    }
}

/// Whether WhatsApp has ended the link.
pub(crate) fn needs_person(state: LinkState) -> bool {
    matches!(
        state,
        LinkState::LoggedOut | LinkState::Replaced | LinkState::Banned | LinkState::Outdated
    )
}

/// What to do: the agent's word for it, else ours.
fn hint(link: &LinkStatus) -> Option<&str> {
    if !link.hint.is_empty() {
        return Some(&link.hint);
    }
    match link.state() {
        LinkState::Unlinked | LinkState::LoggedOut => {
            Some("run `openclawctl pair` and scan the code")
        }
        LinkState::Replaced => {
            Some("stop the other process that uses this link, then run `openclawctl pair`")
        }
        LinkState::Banned => Some("wait for the end of the ban; pairing again does not lift it"),
        LinkState::Outdated => Some("update the agent; WhatsApp no longer accepts this version"),
        LinkState::Unspecified => Some("update openclawctl: the agent is newer"),
        _ => None,
    }
}

fn device(link: &LinkStatus, now: Timestamp) -> Option<String> {
    let linked = link.linked_at.map(|at| format!("linked {}", ago(at, now)));
    match (link.device.as_str(), linked) {
        ("", linked) => linked,
        (device, None) => Some(text::one_line(device)),
        (device, Some(linked)) => Some(format!("{}, {linked}", text::one_line(device))),
    }
}
