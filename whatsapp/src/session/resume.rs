//! Asks for what waited at the server where the library does not.
//!
//! A login's backlog is pulled: the library asks for it when the server announces it. After a login that was cut off the
//! server was seen to announce nothing the next time, and 706 of 711 stanzas stayed there, silently (whatsapp-rust#1377,
//! mended after 0.7.0). So a login without an announcement asks by itself, until the server says that that was all or
//! sends nothing more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::client::Client;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::runtime::Turns;

/// How long after a login an announcement is waited for.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_secs(3);
/// As WhatsApp Web asks for.
const STANZAS_PER_REQUEST: usize = 200;
/// How long nothing has come when more is asked for.
const QUIET: Duration = Duration::from_millis(300);
/// How long nothing has come when there is no more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs beside a connection from its login on. Returns when there is nothing to ask for; the connection's end drops it.
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
        tracing::debug!("asked for the backlog that was not announced");
    }
}

/// `<ib><offline_batch count/></ib>`.
fn request() -> Node {
    let batch = NodeBuilder::new("offline_batch").attr("count", STANZAS_PER_REQUEST);
    NodeBuilder::new("ib").children([batch.build()]).build()
}
