//! `w:mex`: GraphQL queries by document id. Those that are not implemented get a response without data.

use serde_json::{Value, json};
use wacore::iq::mex_operations::{
    create_newsletter, fetch_all_newsletters_metadata, fetch_all_subgroups, fetch_newsletter,
    fetch_reachout_timelock, join_newsletter, leave_newsletter, query_subgroup_participant_count,
    update_newsletter, update_newsletter_user_setting,
};
use wacore_binary::Node;

use crate::number::DeviceId;
use crate::phones::restrictions;
use crate::rules::iq::question::Question;
use crate::rules::iq::{channels, communities};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    const RULE: &str = "a mex query has the number of its document, and variables in JSON";
    let query = question.child.filter(|child| child.tag == "query");
    let document = query.and_then(|query| stanza::text(query, "query_id"));
    let variables = query
        .and_then(stanza::bytes)
        .and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let variables = variables.map(|mut text| text["variables"].take());
    let variables = variables.filter(Value::is_object);
    let detail = format!("{query:?}");
    let kept = document.is_some() && variables.is_some();
    if !lock(&shared.verdicts).require(&verdict::name_of(id), RULE, kept, &detail) {
        return stanza::error(question.node, 400, "bad-request");
    }
    let variables = variables.unwrap_or_default();
    let data = match document.as_deref() {
        Some(fetch_reachout_timelock::DOC_ID) => {
            let mut state = lock(&shared.state);
            let timelock = restrictions::describe(&state.user(&id.0).restrictions);
            json!({ "xwa2_fetch_account_reachout_timelock": timelock })
        }
        Some(fetch_all_subgroups::DOC_ID) => {
            communities::subgroups(shared, &id.0, variables["group_id"].as_str())
        }
        Some(query_subgroup_participant_count::DOC_ID) => {
            let group = variables["input"]["group_jid"].as_str();
            communities::participant_counts(shared, &id.0, group)
        }
        Some(fetch_all_newsletters_metadata::DOC_ID) => channels::subscribed(shared, &id.0),
        Some(fetch_newsletter::DOC_ID) => channels::fetch(shared, &id.0, &variables),
        Some(create_newsletter::DOC_ID) => channels::create(shared, &id.0, &variables),
        Some(join_newsletter::DOC_ID) => channels::follow(shared, &id.0, &variables),
        Some(leave_newsletter::DOC_ID) => channels::unfollow(shared, &id.0, &variables),
        Some(update_newsletter::DOC_ID) => channels::update(shared, &id.0, &variables),
        Some(update_newsletter_user_setting::DOC_ID) => {
            channels::set_mute(shared, &id.0, &variables)
        }
        _ => json!({}),
    };
    let text = json!({ "data": data }).to_string();
    let result = stanza::content("result", text.into_bytes());
    stanza::result(question.node, [result])
}
