//! The timers of a linked socket: they ping the client, and end the stream if an ack is overdue.

use std::time::Duration;

use tokio::time::timeout;

use crate::number::DeviceId;
use crate::state::config::Leniency;
use crate::state::link::{Fate, Link};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::{ending, stanza};

/// How long a client may take to answer a ping. It may be busy with a backlog, or its machine may be slow.
const PONG_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs as long as the socket is open.
pub(super) async fn run(shared: &Shared, link: &Link, device: &DeviceId) {
    loop {
        tokio::time::sleep(shared.config.ping_interval).await;
        if !ping(shared, link, device).await {
            return;
        }
        recycle(shared, link, device);
    }
}

/// Pings once. Closes the socket if the client does not answer, and returns false then.
async fn ping(shared: &Shared, link: &Link, device: &DeviceId) -> bool {
    const RULE: &str = "the server's pings are answered";
    let id = crate::id::stanza();
    link.send(&stanza::ping(&id), None);
    let answered = timeout(PONG_TIMEOUT, link.answer_to(&id)).await.is_ok();
    if !shared.config.is_strict(Leniency::Pings) {
        return true;
    }
    let who = verdict::name_of(device);
    let detail = format!("no answer within {} s", PONG_TIMEOUT.as_secs());
    if !lock(&shared.verdicts).require(&who, RULE, answered, &detail) {
        link.decide(Fate::Cut);
    }
    answered
}

/// Ends the stream if an ack is overdue.
fn recycle(shared: &Shared, link: &Link, device: &DeviceId) {
    const RULE: &str = "every stanza is acked in time";
    if !shared.config.is_strict(Leniency::Acks) {
        return;
    }
    let overdue = {
        let mut state = lock(&shared.state);
        let overdue = state
            .companion(device)
            .and_then(|companion| companion.queue.overdue(shared.config.recycle_after));
        overdue.map(|item| (item.class.as_str(), item.id.clone()))
    };
    if let Some((class, id)) = overdue {
        let who = verdict::name_of(device);
        lock(&shared.verdicts).require(&who, RULE, false, &format!("{class} {id}"));
        link.end(&ending::owed_ack(class, &id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::config::Config;

    /// Pings a client that never answers. Returns whether its socket stays open, and the number of violations.
    async fn unanswered(lenient: &[Leniency]) -> (bool, usize) {
        let shared = Shared::new(Config {
            lenient: lenient.iter().copied().collect(),
            ..Config::default()
        });
        let device = ("+15550100001".parse().expect("a number"), 1);
        let stays = ping(&shared, &shared.new_link(), &device).await;
        (stays, lock(&shared.verdicts).violations().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_pings_is_cut_unless_that_is_allowed() {
        assert_eq!(unanswered(&[]).await, (false, 1));
        assert_eq!(unanswered(&[Leniency::Pings]).await, (true, 0));
    }
}
