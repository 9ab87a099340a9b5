//! The allowlist, and the findings of a diagnosis.

use openclaw_proto::v1 as pb;
use openclaw_state::allow::file::named;
use openclaw_state::allow::{Entry, EntryPlace, Failed, Mode, Recipients, Rules, Summary, Who};
use openclaw_state::clock;
use openclaw_types::{Contact, Finding, Recipient, State};
use prost_types::Timestamp;
use tonic::Status;

use super::{count, invalid, page};

pub(in crate::edge::grpc) fn rules(summary: Summary, held: usize) -> pb::Rules {
    let Summary {
        rules,
        file,
        loaded_at,
        added,
        failed,
        unresolved,
    } = summary;
    let mut wire = pb::Rules {
        unrestricted: rules.is_none(),
        file: file.unwrap_or_default(),
        loaded_at: Some(Timestamp::from(clock::shown(loaded_at))),
        added: count(added.len()),
        unresolved: count(unresolved),
        held: count(held),
        ..Default::default()
    };
    if let Some(Rules {
        direct,
        group,
        people,
        group_people,
        groups: _,
        to,
        remarks,
    }) = rules.as_deref()
    {
        wire.dm_policy = policy(*direct).into();
        wire.group_policy = policy(*group).into();
        wire.listed = count(people.len() + group_people.as_ref().map_or(0, Vec::len));
        wire.recipients_limited = to.as_ref().is_some_and(|to| to.limit().is_some());
        wire.remarks.clone_from(remarks);
    }
    if let Some(Failed { at, why }) = failed {
        wire.reload_error = why;
        wire.reload_failed_at = Some(Timestamp::from(clock::shown(at)));
    }
    wire
}

const fn policy(mode: Mode) -> pb::Policy {
    match mode {
        Mode::Open => pb::Policy::Open,
        Mode::Allowlist => pb::Policy::Allowlist,
        Mode::Disabled => pb::Policy::Disabled,
    }
}

pub(in crate::edge::grpc) fn allowed(
    request: &pb::ListAllowedRequest,
    summary: Summary,
    held: usize,
) -> Result<pb::ListAllowedResponse, Status> {
    let pb::ListAllowedRequest {
        page_size,
        page_token,
    } = request;
    let all = entries(&summary).into_iter().enumerate().collect();
    let page = page(all, *page_size, page_token, |(at, _)| *at)?;
    Ok(pb::ListAllowedResponse {
        rules: Some(rules(summary, held)),
        allowed: page.items.into_iter().map(|(_, entry)| entry).collect(),
        next_page_token: page.next,
        total_size: count(page.total),
    })
}

fn entries(summary: &Summary) -> Vec<pb::Allowed> {
    let mut all = Vec::new();
    let mut add = |entries: &[Entry], list: pb::AllowedList| {
        all.extend(entries.iter().map(|Entry { who, place }| {
            let who = who.to_string();
            allowed_entry(who, *place, list)
        }));
    };
    if let Some(rules) = &summary.rules {
        add(&rules.people, pb::AllowedList::AllowFrom);
        add(
            rules.group_people.as_deref().unwrap_or_default(),
            pb::AllowedList::GroupAllowFrom,
        );
        add(
            rules.groups.as_deref().unwrap_or_default(),
            pb::AllowedList::Groups,
        );
        if let Some(Recipients { known: _, entries }) = &rules.to {
            add(entries, pb::AllowedList::AllowTo);
        }
    }
    for entry in &summary.added {
        let list = match entry.who {
            Who::Group(_) => pb::AllowedList::Groups,
            _ => pb::AllowedList::AllowFrom,
        };
        add(std::slice::from_ref(entry), list);
    }
    let to = summary.rules.as_ref().and_then(|rules| rules.to.as_ref());
    if let Some(place) = to.and_then(|to| to.known) {
        let known = "known".to_owned();
        all.push(allowed_entry(known, place, pb::AllowedList::AllowTo));
    }
    all
}

fn allowed_entry(who: String, place: EntryPlace, list: pb::AllowedList) -> pb::Allowed {
    pb::Allowed {
        who,
        list: list.into(),
        source: place.to_string(),
        added: place == EntryPlace::Added,
    }
}

pub(in crate::edge::grpc) fn who(text: &str) -> Result<Who, Status> {
    named(text).map_err(|error| invalid("who", &error))
}

/// A diagnosis is for a sender, so a group is refused.
#[derive(Debug, thiserror::Error)]
#[error("that is a group: give a number or a LID (…@lid)")]
struct AGroup;

/// Each of them is a diagnosis of its own.
#[derive(Debug, thiserror::Error)]
#[error("is not possible together with `link`: leave one out")]
struct WhoAndLink;

pub(in crate::edge::grpc) fn diagnose_request(
    request: &pb::DiagnoseRequest,
) -> Result<Option<Contact>, Status> {
    let pb::DiagnoseRequest { who, link } = request;
    if *link && !who.is_empty() {
        return Err(invalid("who", &WhoAndLink));
    }
    if who.is_empty() {
        return Ok(None);
    }
    let who: Recipient = who.parse().map_err(|error| invalid("who", &error))?;
    let who = who.into_contact();
    who.map(Some).ok_or_else(|| invalid("who", &AGroup))
}

pub(in crate::edge::grpc) fn findings(findings: Vec<Finding>) -> pb::DiagnoseResponse {
    let findings = findings.into_iter().map(|finding| {
        let Finding {
            check,
            state,
            text,
            hint,
        } = finding;
        let state = match state {
            State::Good => pb::FindingState::Good,
            State::Bad => pb::FindingState::Bad,
            State::Note => pb::FindingState::Note,
        };
        pb::Finding {
            check: check.to_owned(),
            state: state.into(),
            text,
            hint,
        }
    });
    pb::DiagnoseResponse {
        findings: findings.collect(),
    }
}
