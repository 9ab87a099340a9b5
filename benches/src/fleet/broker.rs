//! A NATS server, and a relay between it and the fleet.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer};
use futures::StreamExt as _;
use tokio::process::{Child, Command};

use super::agents::{Agents, name};
use crate::{Failure, STEP_TIMEOUT};

const STREAM: &str = "OPENCLAW_EVENTS";

pub(crate) struct Broker<'a> {
    folder: &'a Path,
    relay: &'a Path,
    url: String,
    /// Stops with this.
    _server: Child,
    running: Child,
}

/// The messages that the broker has stored, as they are.
pub(crate) struct Stored {
    messages: consumer::push::Ordered,
}

impl<'a> Broker<'a> {
    /// Starts both.
    pub(crate) async fn start(
        folder: &'a Path,
        relay: &'a Path,
        agents: &Agents<'_>,
    ) -> Result<Self, Failure> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let url = format!("nats://127.0.0.1:{port}");
        let mut config = format!("[broker]\nservers = [\"{url}\"]\n");
        for at in 0..u32::try_from(agents.count())? {
            let (name, socket) = (name(at), agents.socket(at));
            let socket = socket.display();
            write!(
                config,
                "[[agent]]\nname = \"{name}\"\nendpoint = \"unix:{socket}\"\n"
            )?;
        }
        std::fs::write(folder.join("relay.toml"), config)?;
        let server = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
            .args(["--jetstream", "--store_dir"])
            .arg(folder.join("nats"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let running = run(relay, folder)?;
        Ok(Self {
            folder,
            relay,
            url,
            _server: server,
            running,
        })
    }

    pub(crate) fn relay(&self) -> Option<u32> {
        self.running.id()
    }

    pub(crate) async fn kill_relay(&mut self) -> Result<(), Failure> {
        Ok(self.running.kill().await?)
    }

    pub(crate) fn start_relay(&mut self) -> Result<(), Failure> {
        self.running = run(self.relay, self.folder)?;
        Ok(())
    }

    /// Follows the messages from now on.
    pub(crate) async fn follow(&self) -> Result<Stored, Failure> {
        // The server may not listen yet.
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(&self.url).await?;
        let inbox = client.new_inbox();
        let jetstream = jetstream::new(client);
        let deadline = Instant::now() + STEP_TIMEOUT;
        // The relay makes it.
        let stream = loop {
            match jetstream.get_stream(STREAM).await {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let config = consumer::push::OrderedConfig {
            deliver_subject: inbox,
            deliver_policy: consumer::DeliverPolicy::New,
            filter_subject: "openclaw.v1.*.message".to_owned(),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await?;
        Ok(Stored {
            messages: consumer.messages().await?,
        })
    }
}

impl Stored {
    /// Waits until so many more messages are stored.
    pub(crate) async fn next(&mut self, count: usize) -> Result<(), Failure> {
        let some = async {
            for _ in 0..count {
                self.messages.next().await.ok_or("the messages ended")??;
            }
            Ok::<(), Failure>(())
        };
        tokio::time::timeout(STEP_TIMEOUT, some).await?
    }
}

fn run(relay: &Path, folder: &Path) -> std::io::Result<Child> {
    Command::new(relay)
        .arg("run")
        .arg(folder.join("relay.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
