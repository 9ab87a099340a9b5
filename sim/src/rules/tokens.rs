//! Privacy tokens: the first message to a person needs one, or gets 463.
//!
//! A token is either issued by the recipient (`<tctoken>`), or a MAC over the recipient's LID (`<cstoken>`) with the
//! account's salt, which companions get with the app state. A reply to a person who has written before needs none.

use wacore::iq::tctoken::compute_cs_token;
use wacore_binary::Node;

use crate::number::{DeviceId, Number};
use crate::phones::tokens;
use crate::state::State;
use crate::state::config::Leniency;
use crate::state::sent::To;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// The error for a message that needs a valid token and has none.
pub(crate) const RESTRICTED: u16 = 463;

/// Whether a message may be delivered: there is a chat, or a valid token and no reach-out time-lock.
pub(crate) fn allow(shared: &Shared, from: &DeviceId, who: &str, node: &Node) -> bool {
    const RULE: &str = "a privacy token is the recipient's or the account's own";
    let to = stanza::jid(node, "to").filter(|to| to.is_lid() || to.is_pn());
    let mut state = lock(&shared.state);
    let locked = state.user(&from.0).restrictions.timelock().is_some();
    let limited = shared.config.is_strict(Leniency::Tokens) || locked;
    if !limited || node.attrs.contains_key("category") {
        return true;
    }
    let Some((to, _)) = to.and_then(|to| state.resolve(&to)) else {
        return true;
    };
    let given = valid(&mut state, &from.0, &to, node);
    let known = to == from.0
        || state.user(&from.0).tokens.has_chat(&to)
        || has_written(&mut state, &to, &from.0);
    drop(state);
    if let Some(valid) = given {
        lock(&shared.verdicts).require(who, RULE, valid, "an invalid token");
    }
    // A time-lock blocks all people without a chat, also with a token.
    known || (given == Some(true) && !locked)
}

/// Records that the server accepted a message for this person: from now on there is a chat.
pub(crate) fn passed(shared: &Shared, from: &DeviceId, node: &Node) {
    let mut state = lock(&shared.state);
    let to = stanza::jid(node, "to").and_then(|to| state.resolve(&to));
    if let Some((to, _)) = to {
        state.user(&from.0).tokens.begin_chat(&to);
    }
}

/// `<tokens>` in a set of `privacy`: a companion issues them on behalf of its account.
pub(crate) fn issue(shared: &Shared, issuer: &Number, asked: &Node) {
    for token in asked.get_children_by_tag("token") {
        let to = stanza::jid(token, "jid").and_then(|jid| lock(&shared.state).resolve(&jid));
        if let Some((to, _)) = to {
            tokens::issue(shared, issuer, &to);
        }
    }
}

/// Whether the message's token is valid; `None` if it has none.
fn valid(state: &mut State, from: &Number, to: &Number, node: &Node) -> Option<bool> {
    let user = state.user(from);
    if let Some(token) = stanza::child_bytes(node, "tctoken") {
        return Some(user.tokens.is_from(to, &token));
    }
    let token = stanza::child_bytes(node, "cstoken")?;
    let own = user.app_state.salt();
    Some(own.is_some_and(|salt| compute_cs_token(&salt, &to.lid().to_string()) == *token))
}

fn has_written(state: &mut State, author: &Number, to: &Number) -> bool {
    let mut sent = state.user(author).sent.iter();
    sent.any(|sent| matches!(&sent.envelope.to, To::User(recipient, _) if recipient == to))
}
