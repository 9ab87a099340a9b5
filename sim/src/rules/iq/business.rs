//! `w:biz`: the profiles of businesses.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::rules::iq::question::Question;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// Returns a `<profile>` for each of the requested numbers that is a business. It has no description, address or
/// category: the simulator's businesses have only a name.
pub(super) fn profiles(shared: &Shared, question: &Question<'_>) -> Node {
    let Some(request) = question.child.filter(|it| it.tag == "business_profile") else {
        return stanza::error(question.node, 400, "bad-request");
    };
    let mut state = lock(&shared.state);
    let mut profiles = Vec::new();
    for jid in request
        .get_children_by_tag("profile")
        .filter_map(|profile| stanza::jid(profile, "jid"))
    {
        let Some((number, _)) = state.resolve(&jid) else {
            continue;
        };
        if state.user(&number).profile.business.is_some() {
            profiles.push(NodeBuilder::new("profile").attr("jid", jid).build());
        }
    }
    let answer = NodeBuilder::new("business_profile").children(profiles);
    stanza::result(question.node, [answer.build()])
}
