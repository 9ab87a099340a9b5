//! `w:sync:app:state`: the account's settings as encrypted patches.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::rules::iq::question::Question;
use crate::state::State;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    const RULE: &str = "an app state patch carries valid MACs";
    let who = verdict::who(id);
    let sync = question.child.filter(|child| child.tag == "sync");
    let collections = sync.map(stanza::children).unwrap_or_default();
    let mut state = lock(&shared.state);
    let user = state.user(&id.0);
    let mut patched = Vec::new();
    let answers: Vec<Node> = collections
        .iter()
        .filter(|collection| collection.tag == "collection")
        .map(|collection| {
            let name = stanza::text(collection, "name").unwrap_or_default();
            let version = stanza::text(collection, "version");
            let version = version.and_then(|text| text.parse().ok()).unwrap_or(0);
            let patch = collection
                .get_optional_child("patch")
                .and_then(stanza::bytes);
            let synced = user.app_state.sync(&name, version, patch.as_deref());
            if let Some(outcome) = synced.patch {
                if outcome.is_ok() {
                    let version = stanza::text(&synced.answer, "version").unwrap_or_default();
                    let collection = NodeBuilder::new("collection").attr("name", name.as_ref());
                    patched.push(collection.attr("version", version.as_ref()).build());
                }
                lock(&shared.verdicts).check(&who, RULE, outcome);
            }
            synced.answer
        })
        .collect();
    if !patched.is_empty() {
        tell_the_others(&mut state, id, patched);
    }
    let sync = NodeBuilder::new("sync").children(answers).build();
    stanza::result(question.node, [sync])
}

/// `<notification type="server_sync">`: the account's other companions get the patch when they ask for it.
fn tell_the_others(state: &mut State, id: &DeviceId, collections: Vec<Node>) {
    let news = NodeBuilder::new("notification")
        .attr("from", id.0.pn())
        .children(collections);
    let item = Item::notification("server_sync", id.0.digits().to_owned(), news);
    for companion in state.companions_of(&id.0) {
        if companion != *id {
            deliver(state, &companion, item.clone());
        }
    }
}
