//! A TCP proxy between a client and the agent: it forwards bytes, and on request delays them, drops them or closes
//! connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How it treats the current connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Forwards everything.
    Forward,
    /// Forwards everything with this delay.
    Delay(Duration),
    /// Forwards nothing, and keeps the connections open.
    Stall,
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// With FIN on both sides.
    Close,
    /// With RST on both sides.
    Reset,
    /// The client gets a FIN from the agent's side; the agent gets nothing.
    ClientSide,
    /// The agent gets a FIN from the client's side; the client gets nothing.
    AgentSide,
}

#[derive(Clone, Copy)]
struct Orders {
    mode: Mode,
    /// The count of cuts, and the kind of the last one.
    cuts: (u64, Cut),
}

pub(crate) struct Middle {
    pub(crate) address: SocketAddr,
    orders: watch::Sender<Orders>,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

struct Shared {
    /// How many bytes the agent may still send before all connections are reset.
    bytes_left: AtomicU64,
    connections: AtomicU64,
}

impl Middle {
    pub(crate) async fn before(agent: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (orders, receiver) = watch::channel(Orders {
            mode: Mode::Forward,
            cuts: (0, Cut::Close),
        });
        let shared = Arc::new(Shared {
            bytes_left: AtomicU64::new(u64::MAX),
            connections: AtomicU64::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, agent, receiver, Arc::clone(&shared)));
        Self {
            address,
            orders,
            shared,
            _accepting: accepting,
        }
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.orders.send_modify(|orders| orders.mode = mode);
    }

    /// Closes the current connections. New ones are accepted.
    pub(crate) fn cut(&self, cut: Cut) {
        self.orders
            .send_modify(|orders| orders.cuts = (orders.cuts.0 + 1, cut));
    }

    /// Resets all connections once, after the agent has sent this many more bytes.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.shared.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    agent: SocketAddr,
    orders: watch::Receiver<Orders>,
    shared: Arc<Shared>,
) {
    let mut lines = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        // It may be stopping.
        let Ok(agent) = TcpStream::connect(agent).await else {
            continue;
        };
        shared.connections.fetch_add(1, Ordering::Relaxed);
        lines.spawn(connect(client, agent, orders.clone(), Arc::clone(&shared)));
        while lines.try_join_next().is_some() {}
    }
}

/// Handles a connection until it is cut or both sides have closed it.
async fn connect(
    client: TcpStream,
    agent: TcpStream,
    orders: watch::Receiver<Orders>,
    shared: Arc<Shared>,
) {
    let mut client = client.into_split();
    let mut agent = agent.into_split();
    if let Some(cut) = carry(&mut client, &mut agent, orders, &shared).await {
        end(cut, client, agent).await;
    }
}

type Halves = (OwnedReadHalf, OwnedWriteHalf);

/// How the connection must be closed, if not by its ends.
async fn carry(
    client: &mut Halves,
    agent: &mut Halves,
    mut orders: watch::Receiver<Orders>,
    shared: &Shared,
) -> Option<Cut> {
    let before = orders.borrow_and_update().cuts.0;
    let up = forward(&mut client.0, &mut agent.1, orders.clone(), |_| true);
    let down = forward(&mut agent.0, &mut client.1, orders.clone(), |bytes| {
        shared.allows(bytes)
    });
    let both = async { tokio::try_join!(up, down) };
    tokio::select! {
        cut = orders.wait_for(|orders| orders.cuts.0 > before) => cut.ok().map(|orders| orders.cuts.1),
        forwarded = both => forwarded.err(),
    }
}

impl Shared {
    /// True if the agent may send this many more bytes.
    fn allows(&self, bytes: u64) -> bool {
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let spend = |left: u64| (left != u64::MAX).then(|| left.saturating_sub(bytes));
        let over = self.bytes_left.fetch_update(set, get, spend);
        let over = over.is_ok_and(|left| left <= bytes);
        if over {
            self.bytes_left.store(u64::MAX, Ordering::Relaxed);
        }
        !over
    }
}

async fn end(cut: Cut, mut client: Halves, mut agent: Halves) {
    match cut {
        Cut::Close => {}
        Cut::Reset => {
            for (read, write) in [client, agent] {
                let stream = read.reunite(write).unwrap();
                stream.set_zero_linger().unwrap();
            }
        }
        Cut::ClientSide => {
            let _ = client.1.shutdown().await;
            // Discards what the client still sends, until it closes.
            let _ = tokio::io::copy(&mut client.0, &mut tokio::io::sink()).await;
        }
        Cut::AgentSide => {
            let _ = agent.1.shutdown().await;
            let _ = tokio::io::copy(&mut agent.0, &mut tokio::io::sink()).await;
        }
    }
}

/// Forwards bytes until EOF, which is forwarded too. A broken connection is closed on its other side as well, and so is
/// one that may not continue.
async fn forward(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut orders: watch::Receiver<Orders>,
    mut may_continue: impl FnMut(u64) -> bool,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 4096];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| Cut::Reset)?;
        if read == 0 {
            let _ = to.shutdown().await;
            return Ok(());
        }
        let mode = orders.wait_for(|orders| orders.mode != Mode::Stall).await;
        let mode = mode.map(|orders| orders.mode);
        if let Ok(Mode::Delay(time)) = mode {
            tokio::time::sleep(time).await;
        }
        if !may_continue(read as u64) {
            return Err(Cut::Reset);
        }
        let written = to.write_all(&buffer[..read]).await;
        written.map_err(|_| Cut::Reset)?;
    }
}
