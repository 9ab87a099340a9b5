//! A person changes their number: the same person and identity, with new addresses.

use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::Number;
use crate::rules::groups;
use crate::signal::address;
use crate::state::State;
use crate::state::error::Error;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// Moves a contact to another number. Everyone who has a chat or a group with them is notified.
pub(crate) fn change(shared: &Shared, old: &Number, new: &Number) -> Result<(), Error> {
    let mut state = lock(&shared.state);
    let taken = state.users.contains_key(new);
    let linked = !state.user(old).companions.is_empty();
    if taken || linked {
        return Err(Error::NotMovable(old.to_string()));
    }
    let concerned = concerned(&state, old);
    state.renumber(old, new);
    groups::renumbered(&mut state, old, new);
    for number in &concerned {
        for companion in state.companions_of(number) {
            deliver(&mut state, &companion, news(old, new));
        }
    }
    let party = std::sync::Arc::clone(&state.user(new).party);
    let companions: Vec<_> = concerned
        .iter()
        .flat_map(|number| state.companions_of(number))
        .collect();
    drop(state);
    // Sessions belong to an address: a companion has none for the new address.
    let mut party = lock(&party);
    for companion in companions {
        party.forget_session(&address(&companion));
    }
    drop(party);
    shared.announce();
    Ok(())
}

/// The people who have a chat with the person, and the members of their groups.
fn concerned(state: &State, number: &Number) -> Vec<Number> {
    let correspondents = state.users.get(number).map(|user| &user.correspondents);
    let mut concerned: Vec<Number> = correspondents.into_iter().flatten().cloned().collect();
    let groups = state.groups.values().filter(|group| group.has(number));
    concerned.extend(groups.flat_map(|group| group.members.iter().cloned()));
    concerned.retain(|other| other != number);
    concerned.sort();
    concerned.dedup();
    concerned
}

/// `<notification type="contacts"><modify/>`.
fn news(old: &Number, new: &Number) -> Item {
    let modify = NodeBuilder::new("modify")
        .attr("old", old.pn())
        .attr("new", new.pn())
        .attr("old_lid", old.lid())
        .attr("new_lid", new.lid());
    let news = NodeBuilder::new("notification")
        .attr("from", stanza::server())
        .attr("offset", unix_now())
        .children([modify.build()]);
    Item::notification("contacts", String::new(), news)
}
