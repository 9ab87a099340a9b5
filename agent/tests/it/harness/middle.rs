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
pub(crate) enum Mood {
    /// Forwards everything.
    Fair,
    /// Forwards everything with this delay.
    Late(Duration),
    /// Forwards nothing, and keeps the connections open.
    Deaf,
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
    mood: Mood,
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
    patience: AtomicU64,
    connections: AtomicU64,
}

impl Middle {
    pub(crate) async fn before(agent: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (orders, told) = watch::channel(Orders {
            mood: Mood::Fair,
            cuts: (0, Cut::Close),
        });
        let shared = Arc::new(Shared {
            patience: AtomicU64::new(u64::MAX),
            connections: AtomicU64::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, agent, told, Arc::clone(&shared)));
        Self {
            address,
            orders,
            shared,
            _accepting: accepting,
        }
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        self.orders.send_modify(|orders| orders.mood = mood);
    }

    /// Closes the current connections. New ones are accepted.
    pub(crate) fn cuts(&self, cut: Cut) {
        self.orders
            .send_modify(|orders| orders.cuts = (orders.cuts.0 + 1, cut));
    }

    /// Resets all connections once, after the agent has sent this many more bytes.
    pub(crate) fn cuts_after(&self, bytes: u64) {
        self.shared.patience.store(bytes, Ordering::Relaxed);
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
    let up = pass(&mut client.0, &mut agent.1, orders.clone(), |_| true);
    let down = pass(&mut agent.0, &mut client.1, orders.clone(), |bytes| {
        shared.allows(bytes)
    });
    let both = async { tokio::try_join!(up, down) };
    tokio::select! {
        cut = orders.wait_for(|orders| orders.cuts.0 > before) => cut.ok().map(|orders| orders.cuts.1),
        passed = both => passed.err(),
    }
}

impl Shared {
    /// True if the agent may send this many more bytes.
    fn allows(&self, bytes: u64) -> bool {
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let spend = |left: u64| (left != u64::MAX).then(|| left.saturating_sub(bytes));
        let over = self.patience.fetch_update(set, get, spend);
        let over = over.is_ok_and(|left| left <= bytes);
        if over {
            self.patience.store(u64::MAX, Ordering::Relaxed);
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
async fn pass(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut orders: watch::Receiver<Orders>,
    mut goes_on: impl FnMut(u64) -> bool,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 4096];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| Cut::Reset)?;
        if read == 0 {
            let _ = to.shutdown().await;
            return Ok(());
        }
        let mood = orders.wait_for(|orders| orders.mood != Mood::Deaf).await;
        let mood = mood.map(|orders| orders.mood);
        if let Ok(Mood::Late(time)) = mood {
            tokio::time::sleep(time).await;
        }
        if !goes_on(read as u64) {
            return Err(Cut::Reset);
        }
        let written = to.write_all(&buffer[..read]).await;
        written.map_err(|_| Cut::Reset)?;
    }
}
