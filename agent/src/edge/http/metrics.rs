//! Metrics in Prometheus' text format, as listed in docs/metrics.md. None identifies a person.

mod process;
mod text;

use std::time::{Duration, SystemTime};

use openclaw_state::alerts::Board;
use openclaw_state::clients::Client;
use openclaw_state::clock;
use openclaw_state::outbox::Queued;
use openclaw_state::traffic::{Counts, DROPS};
use openclaw_types::{Kind as EventKind, LinkState, Seq};

use crate::link::{Agent, Status, Storage};

use super::Shown;
use process::Process;
use text::{MetricType, Text};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics, as of now.
pub(super) fn exposition(shown: &Shown) -> String {
    let Shown { agent, clients } = shown;
    let now = clock::now();
    let mut text = Text::default();
    let status = agent.status();
    build(&mut text);
    link(&mut text, &status, now);
    traffic(&mut text, &status.counts);
    events(&mut text, agent, status.events);
    outbox(&mut text, &agent.queued());
    access(&mut text, &status);
    callers(&mut text, &clients.list(now));
    if let Some(storage) = &status.storage {
        vault(&mut text, storage);
    }
    if status.alerts.host.is_some() {
        alerts(&mut text, &status.alerts);
    }
    process(&mut text, Process::now(), status.started_at);
    text.into_string()
}

fn build(text: &mut Text) {
    let name = "openclaw_build_info";
    text.family(
        name,
        MetricType::Gauge,
        "Always 1; the labels describe the build.",
    );
    let simulator = if cfg!(feature = "sim") {
        "true"
    } else {
        "false"
    };
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("simulator", simulator),
    ];
    text.sample(name, &labels, 1);
}

fn link(text: &mut Text, status: &Status, now: SystemTime) {
    text.gauge(
        "openclaw_whatsapp_connected",
        "1 while connected to WhatsApp: logged in, and the last frame is within --keepalive-limit.",
        u64::from(status.is_connected(now)),
    );
    text.gauge(
        "openclaw_whatsapp_ready",
        "1 once the link has been up for --ready-after.",
        u64::from(status.readiness(now).ready),
    );
    let name = "openclaw_whatsapp_link_state";
    text.family(
        name,
        MetricType::Gauge,
        "The state of the link: 1 for the current one.",
    );
    for state in LinkState::NAMES {
        let present = u64::from(state == status.link.state.name());
        text.sample(name, &[("state", state)], present);
    }
    text.seconds(
        "openclaw_whatsapp_link_state_since_seconds",
        "When the link entered its current state, in seconds since 1970.",
        since_epoch(clock::shown(status.link.since)),
    );
    if let Some(at) = status.link.expires_at {
        text.seconds(
            "openclaw_whatsapp_version_expires_seconds",
            "When WhatsApp will stop accepting this version, in seconds since 1970. Absent unless announced.",
            since_epoch(at),
        );
    }
    text.gauge(
        "openclaw_whatsapp_restricted",
        "1 while WhatsApp restricts the account: it cannot start new chats.",
        u64::from(status.link.restriction.is_some()),
    );
    let restriction = status.link.restriction.as_ref();
    if let Some(at) = restriction.and_then(|restriction| restriction.until) {
        text.seconds(
            "openclaw_whatsapp_restricted_until_seconds",
            "When the restriction ends, in seconds since 1970. Absent without one, or if WhatsApp did not report it.",
            since_epoch(clock::shown(at)),
        );
    }
    if let Some(at) = status.last_frame {
        text.seconds(
            "openclaw_whatsapp_last_frame_age_seconds",
            "Seconds since the last frame on the current connection.",
            now.duration_since(at).unwrap_or_default(),
        );
    }
    text.counter(
        "openclaw_clock_steps_total",
        "Steps of the system's clock by a second or more.",
        status.steps.count,
    );
    text.counter(
        "openclaw_whatsapp_connects_total",
        "How often the link came up.",
        status.counts.connects,
    );
    let name = "openclaw_whatsapp_disconnects_total";
    text.family(
        name,
        MetricType::Counter,
        "How often the link went down, by reason.",
    );
    for (reason, drops) in DROPS.iter().zip(status.counts.drops) {
        text.sample(name, &[("reason", *reason)], drops);
    }
    text.counter(
        "openclaw_whatsapp_failed_attempts_total",
        "Attempts to connect that failed.",
        status.counts.failed_attempts,
    );
    text.gauge(
        "openclaw_pairing_in_progress",
        "1 while a pairing is in progress.",
        u64::from(status.pairing),
    );
}

fn traffic(text: &mut Text, counts: &Counts) {
    let Counts {
        received,
        sent,
        undecryptable,
        resends_requested,
        dropped,
        connects: _,
        drops: _,
        failed_attempts: _,
    } = counts;
    for (name, help, value) in [
        (
            "openclaw_messages_received_total",
            "Messages received.",
            received,
        ),
        (
            "openclaw_messages_sent_total",
            "Messages that WhatsApp's server acknowledged.",
            sent,
        ),
        (
            "openclaw_messages_undecryptable_total",
            "Messages that could not be decrypted when they arrived.",
            undecryptable,
        ),
        (
            "openclaw_messages_resend_requested_total",
            "Requests of recipients' devices for a message that they could not decrypt.",
            resends_requested,
        ),
        (
            "openclaw_messages_dropped_total",
            "Messages from senders who are not allowed.",
            dropped,
        ),
    ] {
        text.counter(name, help, *value);
    }
}

fn events(text: &mut Text, agent: &Agent, (Seq(head), Seq(oldest)): (Seq, Seq)) {
    text.gauge("openclaw_events_head", "Seq of the newest event.", head);
    text.gauge(
        "openclaw_events_oldest",
        "Seq of the oldest event still kept.",
        oldest,
    );
    text.gauge(
        "openclaw_journal_bytes",
        "Bytes of the events that are kept.",
        agent.journal().bytes(),
    );
    let name = "openclaw_events_total";
    text.family(
        name,
        MetricType::Counter,
        "Events since the process started, by kind.",
    );
    for (kind, count) in EventKind::ALL.iter().zip(agent.journal().counts()) {
        text.sample(name, &[("kind", kind.name())], count);
    }
}

fn outbox(text: &mut Text, queued: &[Queued]) {
    let handed = queued.iter().filter(|message| message.handed).count();
    let retried = queued
        .iter()
        .filter(|message| !message.handed && message.attempts > 0)
        .count();
    let name = "openclaw_outbox_messages";
    text.family(name, MetricType::Gauge, "Queued messages, by state.");
    let waiting = queued.len() - handed - retried;
    for (state, count) in [
        ("waiting", waiting),
        ("retrying", retried),
        ("handed", handed),
    ] {
        text.sample(name, &[("state", state)], many(count));
    }
}

fn access(text: &mut Text, status: &Status) {
    text.gauge(
        "openclaw_messages_held",
        "Messages held until their sender is resolved.",
        many(status.held),
    );
}

fn callers(text: &mut Text, clients: &[Client]) {
    let connections = clients.iter().map(|client| client.connections).sum();
    text.gauge(
        "openclaw_clients_enrolled",
        "Clients enrolled for calls over the network.",
        many(clients.len()),
    );
    text.gauge(
        "openclaw_clients_connections",
        "Open connections of enrolled clients.",
        many(connections),
    );
}

fn vault(text: &mut Text, storage: &Storage) {
    let summary = &storage.summary;
    let (generation, commits) = summary
        .epochs
        .last()
        .map_or((0, 0), |epoch| (epoch.generation, epoch.commits));
    text.gauge(
        "openclaw_vault_generation",
        "How often the store was opened; never decreases.",
        generation,
    );
    text.counter(
        "openclaw_vault_commits_total",
        "Durable commits of the sealed store.",
        commits,
    );
    text.gauge(
        "openclaw_vault_records",
        "Records in the sealed store.",
        many(summary.records),
    );
    text.gauge(
        "openclaw_vault_log_bytes",
        "Bytes of the sealed store's log.",
        summary.log_bytes,
    );
    text.gauge(
        "openclaw_vault_live_bytes",
        "Live bytes of the log.",
        summary.live_bytes,
    );
    text.counter(
        "openclaw_vault_undecodable_rows_total",
        "Rows that this version cannot read.",
        storage.undecodable,
    );
}

fn alerts(text: &mut Text, board: &Board) {
    text.gauge(
        "openclaw_alerts_waiting",
        "Alerts that wait to be delivered.",
        many(board.waiting),
    );
    for (name, help, value) in [
        (
            "openclaw_alerts_delivered_total",
            "Alerts that were delivered.",
            board.counts.delivered,
        ),
        (
            "openclaw_alerts_failed_attempts_total",
            "Attempts to deliver an alert that failed.",
            board.counts.failed,
        ),
        (
            "openclaw_alerts_abandoned_total",
            "Abandoned alerts.",
            board.counts.given_up,
        ),
    ] {
        text.counter(name, help, value);
    }
}

fn process(text: &mut Text, process: Process, started_at: SystemTime) {
    if let Some(bytes) = process.resident_bytes {
        let help = "Resident memory size in bytes.";
        text.gauge("process_resident_memory_bytes", help, bytes);
    }
    if let Some(spent) = process.cpu {
        let name = "process_cpu_seconds_total";
        text.family(
            name,
            MetricType::Counter,
            "Total user and system CPU time spent in seconds.",
        );
        text.sample_seconds(name, spent);
    }
    if let Some(open) = process.open_files {
        text.gauge("process_open_fds", "Number of open file descriptors.", open);
    }
    text.seconds(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        since_epoch(clock::shown(started_at)),
    );
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

fn many(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
