//! Changes of an account's settings: the phone makes them, and companions are notified to request the patches.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::state::State;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Changes the account's push name on the phone.
pub(crate) fn rename(shared: &Shared, number: &Number, name: &str) {
    let mut state = lock(&shared.state);
    let user = state.user(number);
    name.clone_into(&mut user.name);
    if let Some((collection, version)) = user.app_state.rename(name, unix_now()) {
        let collection = changed(collection, version);
        notify(&mut state, &(number.clone(), 0), vec![collection]);
    }
    drop(state);
    shared.announce();
}

/// Saves a contact in the phone's address book, or renames one.
pub(crate) fn save_contact(shared: &Shared, number: &Number, contact: &Number, name: &str) {
    let mut state = lock(&shared.state);
    let app_state = &mut state.user(number).app_state;
    let saved = app_state.save_contact(contact, name, unix_now());
    if let Some((collection, version)) = saved {
        let collection = changed(collection, version);
        notify(&mut state, &(number.clone(), 0), vec![collection]);
    }
    drop(state);
    shared.announce();
}

/// `<collection>` in the notification of a change.
pub(crate) fn changed(name: &str, version: impl Into<u64>) -> Node {
    NodeBuilder::new("collection")
        .attr("name", name)
        .attr("version", version.into())
        .build()
}

/// `<notification type="server_sync">`: the account's other companions then request the patches.
pub(crate) fn notify(state: &mut State, by: &DeviceId, collections: Vec<Node>) {
    let news = NodeBuilder::new("notification")
        .attr("from", by.0.pn())
        .children(collections);
    let item = Item::notification("server_sync", by.0.digits().to_owned(), news);
    for companion in state.companions_of(&by.0) {
        if companion != *by {
            deliver(state, &companion, item.clone());
        }
    }
}
