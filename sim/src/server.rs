//! The listener for WebSocket connections.

mod connection;
pub(crate) mod media;
mod pulse;
pub(crate) mod strike;

use std::sync::Arc;

use crate::state::shared::Shared;
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The buffer size of an in-process connection.
const MAX_UNREAD_BYTES: usize = 1 << 20;

/// Accepts connections until dropped. A restart opens a new listener on the same port.
pub(crate) async fn run(shared: Arc<Shared>, mut listener: TcpListener) {
    loop {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((tcp, _)) => accept(&shared, tcp, &mut connections),
                    Err(error) => tracing::warn!(%error, "accept"),
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                () = shared.restart_requested() => break,
            }
        }
        drop(listener);
        connections.shutdown().await;
        shared.forget_sockets();
        match TcpListener::bind(shared.config.listen).await {
            Ok(again) => listener = again,
            Err(error) => {
                tracing::error!(%error, "cannot reopen the listener");
                return;
            }
        }
        shared.announce();
    }
}

/// Opens an in-process connection and returns the client's end. It is served until either end is dropped.
pub(crate) fn connect(shared: &Arc<Shared>) -> DuplexStream {
    let (here, there) = tokio::io::duplex(MAX_UNREAD_BYTES);
    tokio::spawn(connection::serve(Arc::clone(shared), Box::new(here)));
    there
}

fn accept(shared: &Arc<Shared>, tcp: TcpStream, connections: &mut JoinSet<()>) {
    if shared.take_refusal() {
        tracing::info!("connection refused by a fault");
        return;
    }
    // Otherwise small frames wait for the other side's delayed ack.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    connections.spawn(connection::serve(Arc::clone(shared), Box::new(tcp)));
}
