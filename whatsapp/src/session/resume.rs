//! Requests the backlog (the stanzas queued while the agent was offline) if the library does not.
//!
//! A client has to request the backlog. The library does so when the server announces one. But after an interrupted login
//! the server was observed to announce nothing at the next login: 706 of 711 stanzas stayed on the server, without an error
//! (whatsapp-rust#1377, fixed after 0.7.0). So, after a login without an announcement, the agent requests the backlog
//! itself, until the server ends it or sends nothing more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::client::Client;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::runtime::Turns;

/// How long to wait for an announcement after a login.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_secs(3);
/// The same number as WhatsApp Web.
const STANZAS_PER_REQUEST: usize = 200;
/// Request more when no stanza has arrived for this long.
const QUIET: Duration = Duration::from_millis(300);
/// Without a stanza for this long after a request, the backlog counts as empty.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs concurrently with a connection, from its login on. Returns when there is nothing to request; dropped when the
/// connection ends.
pub(super) async fn pull(client: &Arc<Client>, turns: &Turns) {
    let drain = turns.drain();
    tokio::time::sleep(ANNOUNCEMENT_TIMEOUT).await;
    if drain.is_announced() || drain.is_over() {
        return;
    }
    loop {
        let asked = Instant::now();
        if client.send_node(request()).await.is_err() {
            return;
        }
        let more = tokio::time::timeout(ANSWER_TIMEOUT, drain.quiet_since(asked, QUIET)).await;
        if more.is_err() || drain.is_over() {
            return;
        }
        tracing::debug!("unannounced backlog requested");
    }
}

/// `<ib><offline_batch count/></ib>`.
fn request() -> Node {
    let batch = NodeBuilder::new("offline_batch").attr("count", STANZAS_PER_REQUEST);
    NodeBuilder::new("ib").children([batch.build()]).build()
}
