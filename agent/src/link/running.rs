//! A session and its connection, if any: one at a time, each connection in its own task.

use std::time::Duration;

use openclaw_whatsapp::session::{DialFailure, Driver, OpenError, Report, Session, Setup};
use openclaw_whatsapp::store::Store;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open session.
pub(super) struct Running {
    session: Session,
    reports: mpsc::Receiver<Report>,
    connection: Connection,
}

enum Connection {
    Idle(Box<Driver>),
    Made(JoinHandle<Box<Driver>>),
    Gone,
}

impl Running {
    pub(super) async fn open(setup: &Setup, store: &Store) -> Result<Self, OpenError> {
        let (session, driver, reports) = Session::open(setup, store).await?;
        Ok(Self {
            session,
            reports,
            connection: Connection::Idle(Box::new(driver)),
        })
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// Starts a connection; `false` if there is one already.
    pub(super) fn connect(&mut self) -> bool {
        match std::mem::replace(&mut self.connection, Connection::Gone) {
            Connection::Idle(mut driver) => {
                self.connection = Connection::Made(tokio::spawn(async move {
                    driver.connect().await;
                    driver
                }));
                true
            }
            other => {
                self.connection = other;
                false
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.connection, Connection::Idle(_))
    }

    /// Takes the driver back from a connection that has reported its end.
    pub(super) async fn rejoin(&mut self) {
        if let Connection::Made(task) = &mut self.connection {
            // The join fails only after an abort, and then the session is gone as well.
            let driver = task.await;
            self.connection = driver.map_or(Connection::Gone, Connection::Idle);
        }
    }

    /// Logs and returns why WhatsApp could not be reached, if so.
    pub(super) fn dial_failure(&self) -> Option<DialFailure> {
        self.session
            .dial_failure()
            .inspect(|DialFailure { error, hint }| {
                tracing::warn!(error, hint, "cannot connect to WhatsApp");
            })
    }

    /// Asks WhatsApp to remove this device, and closes. `true` if WhatsApp confirmed.
    pub(super) async fn remove_device(self) -> bool {
        let removed = tokio::time::timeout(CLOSE_TIMEOUT, self.session.deregister()).await;
        self.close().await;
        removed.unwrap_or(false)
    }

    /// Flushes buffers, closes the socket and waits for the connection's task.
    pub(super) async fn close(self) {
        let Self {
            session,
            mut reports,
            connection,
        } = self;
        let ended = async {
            if let Connection::Made(mut task) = connection {
                loop {
                    tokio::select! {
                        _ = &mut task => return,
                        // Keep receiving, so that the task never blocks on its report channel.
                        Some(_) = reports.recv() => {}
                    }
                }
            }
        };
        let closing = async { tokio::join!(session.close(), ended) };
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("connection to WhatsApp did not close in time");
        }
    }
}
