//! Rate limits: messages and iqs above the limit are refused with 429 (iqs: `rate-overlimit`). A client that has
//! continued until limit + 10 requests were refused breaks a rule: its stream ends with 429.

use crate::number::DeviceId;
use crate::state::limits::{Limited, Spent};
use crate::state::link::Link;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::ending;

/// The code of all three responses.
pub(crate) const TOO_MANY: u16 = 429;

/// Counts a request of a companion. Returns whether it is refused.
pub(crate) fn refuses(shared: &Shared, link: &Link, id: &DeviceId, what: Limited) -> bool {
    const RULE: &str = "a client slows down after 429";
    let mut state = lock(&shared.state);
    let own = state.users.get(&id.0);
    let own = own.and_then(|user| user.faults.limit(what));
    let budget = own.or_else(|| state.faults.limit(what));
    let budget = budget.unwrap_or(match what {
        Limited::Messages => shared.config.limits.messages,
        Limited::Iqs => shared.config.limits.iqs,
    });
    let Some(companion) = state.companion(id) else {
        return false;
    };
    let spent = companion.meters.entry(what).or_default().spend(budget);
    drop(state);
    if spent == Spent::FarOver {
        let detail = format!(
            "expected at most {} {what:?} in {:?}; that number plus ten were refused",
            budget.count, budget.window
        );
        lock(&shared.verdicts).require(&verdict::name_of(id), RULE, false, &detail);
        link.end(&ending::stream_error(TOO_MANY));
    }
    spent != Spent::Within
}
