//! `w:sync:app:state`: the account's settings as encrypted patches.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::number::DeviceId;
use crate::phones::app_state;
use crate::rules::iq::question::Question;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    const RULE: &str = "an app state patch has valid MACs";
    let who = verdict::name_of(id);
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
                    let version = stanza::text(&synced.answer, "version");
                    let version = version.and_then(|text| text.parse::<u64>().ok());
                    patched.push(app_state::changed(&name, version.unwrap_or(0)));
                }
                lock(&shared.verdicts).check(&who, RULE, outcome);
            }
            if let Some(name) = synced.name {
                user.name = name;
            }
            synced.answer
        })
        .collect();
    if !patched.is_empty() {
        app_state::notify(&mut state, id, patched);
    }
    let sync = NodeBuilder::new("sync").children(answers).build();
    stanza::result(question.node, [sync])
}
