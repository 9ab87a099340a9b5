//! Privacy tokens that phones and peers issue to the people they write to, who may then reply.

use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::Number;
use crate::state::config::Leniency;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::sync::lock;

/// [`issue`] to a user who has none, if tokens are required.
pub(crate) fn issue_once(shared: &Shared, issuer: &Number, to: &Number) {
    let strict = shared.config.is_strict(Leniency::Tokens);
    if strict && !lock(&shared.state).user(to).tokens.has(issuer) {
        let _ = issue(shared, issuer, to);
    }
}

/// Issues a token to a user, and notifies their companions. Returns the stanza's id.
pub(crate) fn issue(shared: &Shared, issuer: &Number, to: &Number) -> String {
    let token: [u8; 16] = rand::random();
    let node = NodeBuilder::new("token")
        .attr("type", "trusted_contact")
        .attr("t", unix_now())
        .bytes(token.to_vec());
    let tokens = NodeBuilder::new("tokens").children([node.build()]);
    let hidden = lock(&shared.state).is_hidden(issuer);
    let news = NodeBuilder::new("notification")
        .attr("from", if hidden { issuer.lid() } else { issuer.pn() })
        .attr("sender_lid", issuer.lid())
        .children([tokens.build()]);
    let item = Item::notification("privacy_token", issuer.digits().to_owned(), news);
    let mut state = lock(&shared.state);
    state.user(to).tokens.take(issuer, token.to_vec());
    for companion in state.companions_of(to) {
        deliver(&mut state, &companion, item.clone());
    }
    drop(state);
    shared.announce();
    item.id
}
