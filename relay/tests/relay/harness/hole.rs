//! A TCP proxy that forwards what the client sends, and on request drops what the server answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Hole {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    _accepting: JoinSet<()>,
}

impl Hole {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicBool::new(false));
        let mut accepting = JoinSet::new();
        let dropping = Arc::clone(&open);
        accepting.spawn(async move {
            let mut lines = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if let Ok(server) = TcpStream::connect(server).await {
                    lines.spawn(connect(client, server, Arc::clone(&dropping)));
                }
            }
        });
        Self {
            address,
            open,
            _accepting: accepting,
        }
    }

    /// The address for a relay.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Whether answers are dropped from now on.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

/// A connection that has lost an answer is closed once the hole is: the rest would be unreadable.
async fn connect(client: TcpStream, server: TcpStream, open: Arc<AtomicBool>) {
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let up = tokio::io::copy(&mut client_reads, &mut server_writes);
    let down = async {
        let mut buffer = [0; 4096];
        let mut lost = false;
        while let Ok(read @ 1..) = server_reads.read(&mut buffer).await {
            if open.load(Ordering::Relaxed) {
                lost = true;
            } else if lost || client_writes.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        _ = up => {}
        () = down => {}
    }
}
