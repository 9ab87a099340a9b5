//! Detects a connection that looks open but is dead: pings before the limit is over.

use std::time::Duration;

use openclaw_state::clock;
use whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec;

use super::Session;

/// Returns when no frame has arrived for longer than `limit`. Pings once, half of the limit after the last frame, so
/// that the last frame of a quiet connection is never older than that half plus one round trip.
pub(super) async fn noticed(session: &Session, limit: Duration) {
    let half = limit / 2;
    let started = clock::now();
    loop {
        let last_frame = session.last_frame();
        // A frame of an earlier connection does not count.
        let since = last_frame.map_or(started, |at| at.max(started));
        tokio::time::sleep(clock::until(since + half)).await;
        if session.last_frame() != last_frame {
            continue;
        }
        // Any frame proves that the connection works, not only the reply to the ping.
        let ping = session.client.execute(KeepaliveSpec::with_timeout(half));
        let rest = tokio::time::sleep(clock::until(since + limit));
        let (_, ()) = tokio::join!(tokio::time::timeout(half, ping), rest);
        if session.last_frame() == last_frame {
            return;
        }
    }
}
