//! Presence and typing of phones and peers. These stanzas are not acked, and not queued for offline companions.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::state::State;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Sets a phone or a peer online or offline, and notifies subscribers.
pub(crate) fn set(shared: &Shared, number: &Number, available: bool) {
    let mut state = lock(&shared.state);
    let presence = &mut state.user(number).presence;
    presence.available = available;
    if !available {
        presence.last_seen = Some(unix_now());
    }
    for (device, by_lid) in presence.subscribers.clone() {
        if let Some(node) = stanza(&mut state, number, &device.0, by_lid) {
            send_if_active(&mut state, &device, &node);
        }
    }
    drop(state);
    shared.announce();
}

/// The current `<presence>` of a user, as another user sees it. `None`: they may not see whether the user is online.
pub(crate) fn stanza(
    state: &mut State,
    number: &Number,
    viewer: &Number,
    by_lid: bool,
) -> Option<Node> {
    // A person who hides their own last-seen time from another person does not see that person's, either.
    let shown = state.user(viewer).shows("last", viewer, number);
    let user = state.user(number);
    let shown = shown && user.shows("last", number, viewer);
    let follows_last = user.profile.value("online") == "match_last_seen";
    if user.profile.blocked.contains_key(viewer) || (follows_last && !shown) {
        return None;
    }
    let node = NodeBuilder::new("presence").attr("from", address(number, by_lid));
    Some(match (user.presence.available, user.presence.last_seen) {
        (true, _) => node.build(),
        (false, Some(last)) if shown => node.attr("type", "unavailable").attr("last", last).build(),
        (false, _) => node
            .attr("type", "unavailable")
            .attr("last", "deny")
            .build(),
    })
}

/// Shows an account that a phone or a peer types, records (`recording`), or stops (`paused`).
pub(crate) fn types(shared: &Shared, from: &Number, to: &Number, what: &str, by_lid: bool) {
    let child = match what {
        "recording" => NodeBuilder::new("composing").attr("media", "audio"),
        "composing" => NodeBuilder::new("composing"),
        _ => NodeBuilder::new("paused"),
    };
    let node = NodeBuilder::new("chatstate")
        .attr("from", address(from, by_lid))
        .children([child.build()])
        .build();
    let mut state = lock(&shared.state);
    for companion in state.companions_of(to) {
        send_if_active(&mut state, &companion, &node);
    }
}

fn address(number: &Number, by_lid: bool) -> Jid {
    if by_lid { number.lid() } else { number.pn() }
}

/// Writes the stanza to the companion's socket, if it has an active one.
pub(crate) fn send_if_active(state: &mut State, device: &DeviceId, node: &Node) {
    let companion = state.companion(device).filter(|companion| companion.active);
    if let Some(link) = companion.and_then(|companion| companion.link.clone()) {
        state.send_unqueued(&link, Some(&device.0), node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::config::Config;
    use crate::state::profile::setting;
    use crate::wire::stanza::text;

    fn set(state: &mut State, number: &Number, name: &str, value: &str) {
        let (name, value) = setting(name, value).expect("a setting");
        state.user(number).profile.set(name, value);
    }

    #[test]
    fn the_privacy_setting_controls_who_sees_the_last_time() {
        let shared = Shared::new(Config::default());
        let [user, viewer] =
            ["+15550100001", "+15550100002"].map(|it| it.parse::<Number>().expect("a number"));
        super::set(&shared, &user, false);
        let mut state = lock(&shared.state);
        let mut seen = |change: Option<(&Number, &str, &str)>| {
            if let Some((number, name, value)) = change {
                set(&mut state, number, name, value);
            }
            let node = stanza(&mut state, &user, &viewer, true)?;
            text(&node, "last").map(std::borrow::Cow::into_owned)
        };
        let time = seen(None).expect("a time");
        assert!(time.parse::<u64>().is_ok(), "by default: {time}");
        let denied = Some("deny".to_owned());
        assert_eq!(seen(Some((&user, "last", "contacts"))), denied);
        assert_eq!(seen(Some((&user, "last", "all"))), Some(time.clone()));
        assert_eq!(seen(Some((&viewer, "last", "none"))), denied, "both ways");
        assert_eq!(seen(Some((&user, "online", "match_last_seen"))), None);
        assert_eq!(seen(Some((&viewer, "last", "all"))), Some(time));
    }
}
