//! The texts of findings, each with the next step.

use std::time::{Duration, SystemTime};

use openclaw_state::alerts::Board;
use openclaw_state::allow::{Failed, Summary, Verdict, VerdictReason};
use openclaw_state::clock::{self, Step, Steps};
use openclaw_state::journal::Damage;
use openclaw_state::send_to::SendTo;
use openclaw_types::{Finding, LinkState, Seq};
use openclaw_whatsapp::session::{Named, QueryError};

use super::{EventSummary, MayWrite, Nameless, Person};
use crate::link::{Status, Storage};

pub(super) fn link(status: &Status, now: SystemTime) -> Finding {
    let state = status.link.state;
    if status.is_connected(now) {
        return Finding::good("link", "the agent is connected to WhatsApp");
    }
    let hint = match (state, status.link.hint(now, clock::utc)) {
        (_, hint) if status.pairing && !hint.is_empty() => LinkState::Linking.hint().to_owned(),
        (LinkState::Connected, _) => {
            "no traffic on the connection for --keepalive-limit; the agent reconnects automatically"
                .to_owned()
        }
        (_, hint) if hint.is_empty() => {
            "the agent reconnects automatically: `openclawctl status` shows the next attempt"
                .to_owned()
        }
        (_, hint) => hint,
    };
    let text = format!("the agent is not connected to WhatsApp: {}", state.name());
    Finding::bad("link", text, &hint)
}

pub(super) fn clock(steps: Steps, now: SystemTime) -> Option<Finding> {
    let Step { at, by } = steps.last?;
    let step = Duration::from_millis(by.unsigned_abs());
    let step = span(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + step);
    let direction = if by < 0 { "back" } else { "forward" };
    let times = match steps.count {
        1 => String::new(),
        count => format!(", {count} times since the start"),
    };
    let text = format!(
        "the system's clock was stepped {direction} by {step}, {} ago{times}; timers and retention are not affected",
        span(at, now)
    );
    let hint = "if that was not you, check the machine's time synchronisation (`timedatectl`)";
    Some(Finding::note("clock", text, hint))
}

pub(super) fn storage(storage: Option<&Storage>) -> Finding {
    match storage {
        None => Finding::bad(
            "storage",
            "the store was erased",
            "wait until the agent has restarted",
        ),
        Some(Storage { undecodable: 0, .. }) => {
            Finding::good("storage", "the store is sealed and readable")
        }
        Some(Storage { undecodable, .. }) => Finding::note(
            "storage",
            format!(
                "{} of the store cannot be read by this version",
                counted(*undecodable, "row")
            ),
            "start the version that wrote them, or restore a backup",
        ),
    }
}

/// Findings on events that should be readable. Every file was checked.
pub(super) fn events(status: &Status) -> Vec<Finding> {
    let (Seq(head), Seq(oldest)) = status.events;
    if status.damaged.is_empty() {
        let text = match oldest {
            0 => "there are no events yet".to_owned(),
            _ => format!("events {oldest} to {head} are readable"),
        };
        return vec![Finding::good("events", text)];
    }
    let found = status.damaged.iter().map(|damage| {
        let Damage {
            first: Seq(first),
            last: Seq(last),
            why,
        } = damage;
        Finding::bad(
            "events",
            format!("events {first} to {last} are damaged and cannot be read: {why}"),
            "stop the agent, put that file back from a copy of the volume and start it; without a copy they are lost, and watch skips them",
        )
    });
    found.collect()
}

/// The finding of a hold on sending.
pub(super) fn hold(status: &Status) -> Option<Finding> {
    let held = status.hold?;
    let (seen, now) = (held.hold.seen, held.hold.generation);
    let back = if seen.generation == now {
        let commits = seen.commits;
        format!(
            "a client has seen commit {commits} of generation {now}, which this copy does not have"
        )
    } else {
        format!(
            "a client has seen generation {}, it was at {now}",
            seen.generation
        )
    };
    Some(Finding::bad(
        "hold",
        format!(
            "nothing is sent: the store was rolled back, its volume is an older copy ({back}); {} to be sent",
            counted(held.queued, "message")
        ),
        "decide: `openclawctl rollback renew` or `openclawctl rollback accept`",
    ))
}

/// The finding of a restricted account.
pub(super) fn restriction(status: &Status) -> Option<Finding> {
    let restriction = status.link.restriction.as_ref()?;
    Some(Finding::bad(
        "restricted",
        restriction.hint(|at| clock::utc(clock::shown(at))),
        restriction.nack.hint(),
    ))
}

/// The finding of alerts that are not delivered.
pub(super) fn alerts(board: &Board, now: SystemTime) -> Option<Finding> {
    let (host, (error, at)) = (board.host.as_ref()?, board.last_error.as_ref()?);
    Some(Finding::bad(
        "alerts",
        format!(
            "the last alert was not delivered to {host}: {error}, {} ago; {} to be delivered",
            span(*at, now),
            counted(board.waiting, "alert")
        ),
        "correct the receiver or OPENCLAW_ALERT_URL, then run `openclawctl alerts test`",
    ))
}

pub(super) fn rules(summary: &Summary) -> Vec<Finding> {
    let Summary {
        rules,
        file,
        failed,
        added,
        ..
    } = summary;
    let mut findings = Vec::new();
    let from = file.as_deref().unwrap_or("WHATSAPP_ALLOW");
    findings.push(match rules {
        None => Finding::note(
            "rules",
            "there are no rules: messages from everyone are allowed",
            "to limit senders, write openclaw.yml and pass it with --config",
        ),
        Some(rules) => Finding::good(
            "rules",
            format!(
                "rules from {from}: direct chats {}, groups {}, {} named, {} added",
                rules.direct.name(),
                rules.group.name(),
                rules.people.len(),
                added.len()
            ),
        ),
    });
    let limit = rules.as_ref().and_then(|rules| rules.to.as_ref()?.limit());
    findings.extend(limit.map(|SendTo { known, recipients }| {
        let known = match known {
            true => "known chats and ",
            false => "",
        };
        let listed = recipients.len();
        Finding::note(
            "recipients",
            format!("the account may write only to {known}{listed} listed (allowTo in {from})"),
            "`openclawctl allow list` lists them",
        )
    }));
    if let Some(Failed { why, .. }) = failed {
        findings.push(Finding::bad(
            "reload",
            format!("the file was changed, but the new rules were not loaded: {why}"),
            "correct it, then run `openclawctl allow reload`",
        ));
    }
    let remarks = rules.iter().flat_map(|rules| &rules.remarks);
    findings.extend(remarks.map(|remark| Finding::note("rules", format!("{from}: {remark}"), "")));
    findings
}

pub(super) fn waiting(status: &Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    let unresolved = status.rules.unresolved;
    if unresolved > 0 {
        findings.push(Finding::note(
            "resolution",
            format!(
                "the LIDs of {} in the rules are not resolved yet",
                counted(unresolved, "number")
            ),
            "the agent asks WhatsApp again while it is connected",
        ));
    }
    if status.held > 0 {
        findings.push(Finding::note(
            "held",
            held(status.held),
            "they are checked once WhatsApp has answered, or dropped after --hold-limit",
        ));
    }
    let (dropped, undecryptable) = (status.counts.dropped, status.counts.undecryptable);
    if dropped + undecryptable > 0 {
        findings.push(Finding::note(
            "traffic",
            format!(
                "since the start {} dropped, and {undecryptable} could not be decrypted",
                messages_were(dropped)
            ),
            "`openclawctl watch --from-start --kind dropped,undecryptable` shows them",
        ));
    }
    findings
}

pub(super) fn person(person: &Person<'_>, summary: &Summary, now: SystemTime) -> Vec<Finding> {
    let mut findings = vec![registered(person), known_lid(person)];
    let phone = person.phone;
    let verdict = |check, what: &str, judged| match (judged, &person.asked) {
        (&Verdict::Hold, Some(Err(error))) => held_unanswered(check, what, error),
        _ => verdict(check, what, judged, summary),
    };
    findings.push(verdict(
        "direct",
        &format!("direct messages of {phone}"),
        &person.direct,
    ));
    if let Some(by_lid) = &person.by_lid
        && matches!(by_lid, Verdict::Allow(_)) != matches!(person.direct, Verdict::Allow(_))
    {
        let what = format!("messages of {phone} with the LID alone");
        findings.push(verdict("by_lid", &what, by_lid));
    }
    let what = format!("messages of {phone} in a group");
    findings.push(groups(&what, &person.in_groups, summary));
    findings.extend(may_write(person));
    findings.extend(event_findings(
        &person.summary,
        &person.direct,
        person.held,
        now,
    ));
    findings
}

fn may_write(person: &Person<'_>) -> Option<Finding> {
    const CHECK: &str = "recipient";
    let phone = person.phone;
    Some(match person.may_write.as_ref()? {
        MayWrite::Listed => Finding::good(CHECK, format!("the account may write to {phone}")),
        MayWrite::Known => Finding::good(
            CHECK,
            format!("the account may write to {phone}, who has written to it (allowTo: known)"),
        ),
        MayWrite::IfKnown => Finding::note(
            CHECK,
            format!("the account may write to {phone} once they have written (allowTo: known)"),
            "",
        ),
        MayWrite::No => Finding::note(
            CHECK,
            format!("the account may not write to {phone}"),
            "to change that, list them under allowTo in openclaw.yml and run `openclawctl allow reload`",
        ),
    })
}

pub(super) fn by_lid_alone(
    nameless: &Nameless,
    summary: &Summary,
    now: SystemTime,
) -> Vec<Finding> {
    let Nameless {
        direct,
        in_groups,
        held,
        summary: found,
    } = nameless;
    let mut findings = vec![
        Finding::note(
            "lid",
            "the number of this LID is not known: rules that name a number do not match it",
            "run `openclawctl doctor` with the number, if you know it, while the agent is connected",
        ),
        verdict("direct", "direct messages of this LID", direct, summary),
        groups("messages of this LID in a group", in_groups, summary),
    ];
    findings.extend(event_findings(found, direct, *held, now));
    findings
}

fn groups(what: &str, in_groups: &Verdict, summary: &Summary) -> Finding {
    let finding = verdict("groups", what, in_groups, summary);
    match in_groups {
        Verdict::Allow(_) => finding,
        // Most senders are not expected to be allowed in groups.
        _ => Finding::note("groups", finding.text, ""),
    }
}

fn registered(person: &Person<'_>) -> Finding {
    let phone = person.phone;
    match &person.asked {
        None => Finding::note(
            "number",
            format!("cannot check whether {phone} is on WhatsApp: not connected"),
            "connect first, then run it again",
        ),
        Some(Ok(Named {
            registered: true, ..
        })) => Finding::good("number", format!("{phone} is on WhatsApp")),
        Some(Ok(_)) => Finding::bad(
            "number",
            format!("{phone} is not on WhatsApp"),
            "check the number and its country code",
        ),
        Some(Err(error)) => Finding::note(
            "number",
            format!("WhatsApp did not report whether {phone} exists: {error}"),
            "run `openclawctl doctor` again in a minute",
        ),
    }
}

fn known_lid(person: &Person<'_>) -> Finding {
    match person.lid {
        Some(_) => Finding::good(
            "lid",
            "the LID of the number is known: messages are matched by number and by LID",
        ),
        None => Finding::note(
            "lid",
            "the LID of the number is not known: messages with a LID alone are not matched",
            "the agent asks WhatsApp while it is connected and the number is in the rules",
        ),
    }
}

/// The hint for held messages.
const HELD_HINT: &str = "the agent asks WhatsApp while it is connected, and again if there is no answer; then the messages are checked";

/// Connected, but the lookup failed.
fn held_unanswered(check: &'static str, what: &str, error: &QueryError) -> Finding {
    let text = format!("{what} are held: the LID lookup failed ({error})");
    Finding::bad(
        check,
        text,
        "the agent asks again within a minute; then the messages are checked",
    )
}

fn verdict(check: &'static str, what: &str, verdict: &Verdict, summary: &Summary) -> Finding {
    let by = summary.file.as_deref().unwrap_or("the environment");
    match verdict {
        Verdict::Allow(reason) => {
            let why = match reason {
                VerdictReason::Listed(place) => format!("by {place} ({by})"),
                VerdictReason::Open => "because the policy is open".to_owned(),
                _ => "because there are no rules".to_owned(),
            };
            Finding::good(check, format!("{what} are allowed, {why}"))
        }
        Verdict::Hold => Finding::bad(
            check,
            format!("{what} are held: the LIDs of the numbers in the rules are not resolved yet"),
            HELD_HINT,
        ),
        Verdict::Drop(reason) => {
            let (why, hint) = match reason {
                VerdictReason::Disabled => (
                    "the policy is disabled",
                    "change it in the file, then run `openclawctl allow reload`",
                ),
                VerdictReason::GroupNotListed => (
                    "the group is not listed under groups",
                    "run `openclawctl allow add` with the group's JID",
                ),
                _ => (
                    "the sender is not listed",
                    "run `openclawctl allow add` with the number",
                ),
            };
            Finding::bad(check, format!("{what} are dropped: {why} ({by})"), hint)
        }
    }
}

fn event_findings(
    summary: &EventSummary,
    direct: &Verdict,
    waiting: usize,
    now: SystemTime,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(match &summary.last {
        Some((Seq(seq), at)) => Finding::good(
            "last_message",
            format!("the last message came {} ago: event {seq}", span(*at, now)),
        ),
        None => Finding::note(
            "last_message",
            format!(
                "there is no message among the {} events that are kept",
                summary.scanned
            ),
            "",
        ),
    });
    if let Some((Seq(seq), at, reason)) = &summary.last_drop {
        let text = format!(
            "{} dropped, the last {} ago: event {seq}, {reason}",
            messages_were(summary.dropped),
            span(*at, now)
        );
        findings.push(match direct {
            Verdict::Allow(_) => Finding::note(
                "dropped",
                text,
                "ask the sender to send them again: dropped messages are not kept",
            ),
            _ => Finding::bad(
                "dropped",
                text,
                "run `openclawctl allow add` with the number",
            ),
        });
    }
    if !summary.undecryptable.is_empty() {
        findings.push(Finding::bad(
            "undecryptable",
            format!(
                "{} could not be decrypted and was not delivered again",
                counted(summary.undecryptable.len(), "message")
            ),
            "ask the sender to send them again; if it keeps happening, have the sender's phone connect to the internet once",
        ));
    }
    if waiting > 0 {
        findings.push(Finding::bad("held", held(waiting), HELD_HINT));
    }
    if summary.lost > 0 {
        findings.push(Finding::bad(
            "lost",
            format!(
                "{} acknowledged and may be lost",
                messages_were(summary.lost)
            ),
            "ask the sender to send them again",
        ));
    }
    findings
}

/// `1 message`, `2 messages`.
fn counted(count: impl TryInto<u64>, what: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// `1 message was`, `2 messages were`.
fn messages_were(count: impl TryInto<u64>) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => "1 message was".to_owned(),
        count => format!("{count} messages were"),
    }
}

fn held(count: impl TryInto<u64>) -> String {
    format!("{} held until the sender is resolved", messages_were(count))
}

fn span(from: SystemTime, to: SystemTime) -> String {
    let seconds = to.duration_since(from).unwrap_or_default().as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
