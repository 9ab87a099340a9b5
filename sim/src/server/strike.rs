//! Injects faults: on sockets, on the listener, or as state that persists.

use wacore_binary::Node;

use crate::number::Number;
use crate::rules::devices;
use crate::state::State;
use crate::state::fault::{Fault, Faults};
use crate::state::link::Fate;
use crate::state::media::faults::MediaFaults;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::ending::{bad_xml, conflict, owed_ack, stream_error};

/// Injects a fault for one account or for all.
pub(crate) fn strike(shared: &Shared, account: Option<&Number>, fault: Fault) {
    tracing::info!(account = account.map(Number::digits), ?fault, "fault");
    match fault {
        Fault::Drop => cut(shared, account),
        Fault::HalfOpen => freeze(shared, account),
        Fault::StreamError(code) => end_streams(shared, account, &stream_error(code)),
        Fault::Replaced => end_streams(shared, account, &conflict("replaced", None)),
        Fault::BadXml => end_streams(shared, account, &bad_xml()),
        Fault::OwedAck => end_streams(
            shared,
            account,
            &owed_ack("message", "3EB0AAAAAAAAAAAAAAAA"),
        ),
        Fault::StreamEnd => {
            for link in lock(&shared.state).links_of(account) {
                link.end_silently();
            }
        }
        Fault::DeviceRemoved => remove_companions(shared, account),
        Fault::NewServerKey => shared.rotate_server_key(),
        Fault::Restart => shared.request_restart(),
        Fault::Refuse(count) => shared.refuse(count),
        Fault::Clear => clear_faults(shared, account),
        Fault::Media(fault) => lock(&shared.state).media.strike(&fault),
        Fault::Delay(_)
        | Fault::Failure(_)
        | Fault::LoginFailure(_)
        | Fault::Limit(..)
        | Fault::DropAfter(_)
        | Fault::Unannounced
        | Fault::IqError(_)
        | Fault::IqSilence(_)
        | Fault::Nack(_)
        | Fault::Corrupt(_)
        | Fault::Duplicate(_)
        | Fault::HideDevices(_)
        | Fault::Reorder(_) => {
            let mut state = lock(&shared.state);
            faults_of(&mut state, account).set(fault);
        }
    }
}

fn cut(shared: &Shared, account: Option<&Number>) {
    for link in lock(&shared.state).links_of(account) {
        link.decide(Fate::Cut);
    }
}

fn freeze(shared: &Shared, account: Option<&Number>) {
    let mut state = lock(&shared.state);
    let links = state.links_of(account);
    if links.is_empty() {
        faults_of(&mut state, account).freeze_next = true;
    }
    for link in links {
        link.decide(Fate::Frozen);
    }
}

fn end_streams(shared: &Shared, account: Option<&Number>, last: &Node) {
    for link in lock(&shared.state).links_of(account) {
        link.end(last);
    }
}

fn remove_companions(shared: &Shared, account: Option<&Number>) {
    let state = lock(&shared.state);
    let numbers = match account {
        Some(number) => vec![number.clone()],
        None => state.users.keys().cloned().collect(),
    };
    drop(state);
    for number in numbers {
        devices::remove(shared, &number, None);
    }
}

fn clear_faults(shared: &Shared, account: Option<&Number>) {
    shared.refuse(0);
    let mut state = lock(&shared.state);
    let mut held = Vec::new();
    if account.is_none() {
        state.media.faults = MediaFaults::default();
        held.extend(state.faults.release());
    }
    for (number, user) in &mut state.users {
        if account.is_none_or(|account| account == number) {
            held.extend(user.faults.release());
        }
    }
    for (device, nodes) in held {
        let link = state
            .companion(&device)
            .and_then(|companion| companion.link.clone());
        for node in nodes {
            if let Some(link) = &link {
                link.send(&node, None);
            }
        }
    }
}

fn faults_of<'a>(state: &'a mut State, account: Option<&Number>) -> &'a mut Faults {
    match account {
        Some(number) => &mut state.user(number).faults,
        None => &mut state.faults,
    }
}

/// Injects a fault; for faults that end sockets, waits until they are closed.
pub(crate) async fn strike_and_settle(shared: &Shared, account: Option<&Number>, fault: Fault) {
    let cuts = matches!(fault, Fault::Drop | Fault::Restart);
    let before: Vec<u64> = {
        let state = lock(&shared.state);
        let links = if cuts {
            state.links_of(account)
        } else {
            Vec::new()
        };
        links.iter().map(|link| link.id).collect()
    };
    strike(shared, account, fault);
    let gone = || {
        let state = lock(&shared.state);
        !before.iter().any(|link| state.links.contains_key(link))
    };
    if shared.until(shared.config.timeout, gone).await.is_err() {
        tracing::error!("sockets outlive the fault that ends them");
    }
}
