//! `privacy` and `blocklist`: the audience of each part of the profile, and the blocked contacts.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::number::{DeviceId, Number};
use crate::phones::profile;
use crate::rules::iq::question::Question;
use crate::state::State;
use crate::state::profile::{ALL_EXCEPT, Profile, setting};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

/// The account's privacy settings.
pub(super) fn settings(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let mut state = lock(&shared.state);
    let settings = state.user(&id.0).profile.settings();
    let categories = settings.map(|(name, value)| {
        NodeBuilder::new("category")
            .attr("name", name)
            .attr("value", value)
            .build()
    });
    let privacy = NodeBuilder::new("privacy").children(categories).build();
    stanza::result(question.node, [privacy])
}

/// Changes a setting. Exceptions are changes to a list, whose hash the client sends.
pub(super) fn set(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    const RULE: &str = "a privacy setting has a known name and value";
    const KNOWN: &str = "a list of exceptions has only users that the server knows";
    let category = question
        .child
        .and_then(|child| stanza::children(child).first());
    let text = |name| category.and_then(|category| stanza::text(category, name));
    let (name, value) = (
        text("name").unwrap_or_default(),
        text("value").unwrap_or_default(),
    );
    let found = setting(&name, &value);
    let detail = format!("{name}={value}");
    let kept = found.is_some();
    lock(&shared.verdicts).require(&verdict::name_of(id), RULE, kept, &detail);
    let Some(found) = found else {
        return stanza::error(question.node, 400, "bad-request");
    };
    let is_stale =
        |profile: &Profile| text("dhash").is_some_and(|hash| hash != profile.except_hash(found.0));
    if is_stale(&lock(&shared.state).user(&id.0).profile) {
        return stanza::error(question.node, 409, "conflict");
    }
    let users = category.map(stanza::children).unwrap_or_default();
    let except = exceptions(&lock(&shared.state), users);
    let (kept, detail) = (except.is_some(), format!("{users:?}"));
    lock(&shared.verdicts).require(&verdict::name_of(id), KNOWN, kept, &detail);
    let Some(except) = except else {
        return stanza::error(question.node, 400, "bad-request");
    };
    profile::set_privacy(shared, id, found, &except);
    let category = NodeBuilder::new("category")
        .attr("name", found.0)
        .attr("value", found.1);
    let category = match found.1 {
        ALL_EXCEPT => {
            let hash = lock(&shared.state).user(&id.0).profile.except_hash(found.0);
            category.attr("dhash", hash)
        }
        _ => category,
    };
    let privacy = NodeBuilder::new("privacy").children([category.build()]);
    stanza::result(question.node, [privacy.build()])
}

/// The added and removed exceptions; `None` if one of the people does not exist.
fn exceptions(state: &State, users: &[Node]) -> Option<Vec<(Number, bool)>> {
    let known = users.iter().map(|user| {
        let (number, _) = state.resolve(&stanza::jid(user, "jid")?)?;
        Some((number, !stanza::is(user, "action", "remove")))
    });
    known.collect()
}

/// The blocked contacts.
pub(super) fn blocklist(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let mut state = lock(&shared.state);
    let list = list(&state.user(&id.0).profile);
    stanza::result(question.node, [list])
}

fn list(profile: &Profile) -> Node {
    let items = profile.blocked.iter().map(|(contact, since)| {
        NodeBuilder::new("item")
            .attr("jid", contact.lid())
            .attr("t", *since)
            .build()
    });
    NodeBuilder::new("list")
        .attr("dhash", profile.blocked_hash())
        .attr("addressing_mode", "lid")
        .children(items)
        .build()
}

/// `<item action="block" jid pn_jid/>`, or `unblock`, for which the LID is enough.
pub(super) fn block(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    const RULE: &str = "a block has the LID and the number of one person";
    let item = question.child.filter(|child| child.tag == "item");
    let jid = |name| item.and_then(|item| stanza::jid(item, name));
    let action = item.and_then(|item| stanza::text(item, "action"));
    let blocks = match action.as_deref() {
        Some("block") => Some(true),
        Some("unblock") => Some(false),
        _ => None,
    };
    let (lid, pn) = {
        let state = lock(&shared.state);
        let lid = jid("jid").filter(wacore_binary::Jid::is_lid);
        let number = |jid| state.resolve(&jid).map(|(number, _)| number);
        (lid.and_then(number), jid("pn_jid").and_then(number))
    };
    let contact = lid.filter(|lid| blocks == Some(false) || pn.as_ref() == Some(lid));
    let detail = format!("{item:?}");
    let kept = contact.is_some() && blocks.is_some();
    lock(&shared.verdicts).require(&verdict::name_of(id), RULE, kept, &detail);
    let (Some(contact), Some(blocks)) = (contact, blocks) else {
        return stanza::error(question.node, 400, "bad-request");
    };
    profile::set_blocked(shared, id, &contact, blocks);
    blocklist(shared, id, question)
}
