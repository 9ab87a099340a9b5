//! A connection that looks open and is not: noticed by asking, before the limit is over.

use std::time::Duration;

use openclaw_state::clock;
use whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec;

use super::Session;

/// Ends when nothing was heard for longer than `limit`. Asks once, half of it after the last frame,
/// so that a quiet connection is never older than that and the time of a round trip.
pub(super) async fn noticed(session: &Session, limit: Duration) {
    let half = limit / 2;
    let started = clock::now();
    loop {
        let heard = session.last_frame();
        // A frame of an earlier connection says nothing of this one.
        let since = heard.map_or(started, |at| at.max(started));
        tokio::time::sleep(clock::until(since + half)).await;
        if session.last_frame() != heard {
            continue;
        }
        // Any frame proves the connection, not only the answer to this.
        let ping = session.client.execute(KeepaliveSpec::with_timeout(half));
        let rest = tokio::time::sleep(clock::until(since + limit));
        let (_, ()) = tokio::join!(tokio::time::timeout(half, ping), rest);
        if session.last_frame() == heard {
            return;
        }
    }
}
