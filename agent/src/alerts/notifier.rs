//! The alert task: it watches the link, stores alerts, and delivers them with one attempt at a time.
//!
//! ```text
//! link ──> rules ──> queue ──> durable ──> POST ──> recorded
//!                      ^                    │ failed
//!                      └──── next attempt ──┘
//! ```
//!
//! An alert is durable before it is sent. After a crash between delivery and its record, it is sent again with the same
//! id.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use openclaw_egress::Egress;
use openclaw_state::alerts::{
    self, AlertKind, AlertSender, Board, Failure, LinkHistory, Notice, Queue, Row, Rules, Scope,
    Tested,
};
use openclaw_state::clock;
use openclaw_state::vault::Vault;
use openclaw_types::Link;
use openclaw_webhook::{Attempt, Message, Receiver, Refused, SigningKey};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Alerts;
use super::body::body;
use super::settings::{Format, Settings};

const USER_AGENT: &str = concat!("openclaw-agent/", env!("CARGO_PKG_VERSION"));
/// The limit for a whole attempt.
const POST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an attempt in progress may take after the agent begins to stop.
const SHUTDOWN_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The task. `V` provides the link's state.
pub struct Notifier<V> {
    rules: Rules,
    history: LinkHistory,
    queue: Queue,
    receiver: Arc<Receiver>,
    format: Format,
    sender: AlertSender,
    vault: Vault,
    view: watch::Receiver<V>,
    /// The link as of the last evaluation.
    before: Option<Link>,
    board: watch::Sender<Board>,
    tests: mpsc::Receiver<oneshot::Sender<Tested>>,
    /// The caller that waits for the result of a test.
    tester: Option<oneshot::Sender<Tested>>,
    in_flight: Option<InFlight>,
}

/// An attempt in progress.
struct InFlight {
    /// `None` for a test.
    number: Option<u64>,
    id: String,
    kind: AlertKind,
    attempt: JoinHandle<Attempt>,
}

/// Why the task woke up.
enum Wake {
    Ended(Attempt),
    Test(oneshot::Sender<Tested>),
    Look,
    Stop,
}

impl<V: AsRef<Link> + Send + Sync> Notifier<V> {
    /// Returns the task and its handle.
    #[must_use]
    pub fn new(
        settings: Settings,
        key: Option<SigningKey>,
        egress: Egress,
        vault: Vault,
        view: watch::Receiver<V>,
    ) -> (Alerts, Self) {
        let Settings {
            address,
            key: _,
            format,
            after,
        } = settings;
        let (history, rows) = alerts::load(&vault);
        let queue = Queue::new(rows, clock::now());
        let by_proxy = address.is_by_proxy(&egress);
        let receiver = Receiver::new(address, key, egress, USER_AGENT, POST_TIMEOUT);
        let (board, shown) = watch::channel(Board::of(receiver.host(), &queue));
        let (test, tests) = mpsc::channel(1);
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let notifier = Self {
            rules: Rules { after },
            history,
            queue,
            receiver: Arc::new(receiver),
            format,
            sender: AlertSender {
                store: vault
                    .summary()
                    .map(|summary| summary.store.to_string())
                    .unwrap_or_default(),
                host,
            },
            vault,
            view,
            before: None,
            board,
            tests,
            tester: None,
            in_flight: None,
        };
        (Alerts::new(shown, test, by_proxy), notifier)
    }

    /// Runs until `stop` resolves, then waits up to `SHUTDOWN_ATTEMPT_TIMEOUT` for an attempt in progress.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let now = clock::now();
            self.evaluate(now).await;
            self.send(now);
            let wake = tokio::select! {
                biased;
                () = &mut stop => Wake::Stop,
                wake = self.wake() => wake,
            };
            match wake {
                Wake::Ended(attempt) => self.ended(attempt).await,
                Wake::Test(reply) => self.tester = Some(reply),
                Wake::Look => {}
                Wake::Stop => break,
            }
        }
        if let Some(in_flight) = &mut self.in_flight
            && let Ok(attempt) =
                tokio::time::timeout(SHUTDOWN_ATTEMPT_TIMEOUT, &mut in_flight.attempt).await
        {
            self.ended(attempt.unwrap_or_else(|_| lost())).await;
        }
    }

    async fn wake(&mut self) -> Wake {
        let link = self.view.borrow().as_ref().clone();
        let look = self.rules.wake_at(&self.history, &link);
        let send = self
            .in_flight
            .is_none()
            .then(|| self.queue.wake_at())
            .flatten();
        let time = async {
            match look.into_iter().chain(send).min() {
                Some(at) => clock::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let ended = async {
            match &mut self.in_flight {
                Some(in_flight) => (&mut in_flight.attempt).await.unwrap_or_else(|_| lost()),
                None => std::future::pending().await,
            }
        };
        let changed = async {
            // The link's owner has ended: `stop` resolves next.
            if self.view.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            attempt = ended => Wake::Ended(attempt),
            Some(reply) = self.tests.recv(), if self.tester.is_none() => Wake::Test(reply),
            () = changed => Wake::Look,
            () = time => Wake::Look,
        }
    }

    /// Evaluates the rules on the link's state. Alerts raised by it are durable when this returns.
    async fn evaluate(&mut self, now: SystemTime) {
        let link = self.view.borrow_and_update().as_ref().clone();
        let history = self.history.clone();
        if let Some(before) = self.before.take()
            && before.state != link.state
        {
            self.history.left(&before, now);
        }
        let announced = Rules::on_announcement(&mut self.history, &link, now);
        let restricted = Rules::on_restriction(&mut self.history, &link);
        let notices = [
            announced,
            restricted,
            self.rules.on(&mut self.history, &link, now),
        ];
        for notice in notices.iter().flatten() {
            let row = Row::new(notice, &link, &self.sender, now);
            tracing::info!(id = row.id, kind = notice.kind.name(), "alert raised");
            let given_up = self.queue.push(row, now);
            self.board
                .send_modify(|board| board.count_given_up(given_up));
        }
        self.before = Some(link);
        // A notice changes the stored link history.
        if history != self.history {
            self.keep(true).await;
        }
    }

    /// Starts the next attempt, if one is due and none is in progress.
    fn send(&mut self, now: SystemTime) {
        if self.in_flight.is_some() {
            return;
        }
        let (number, row) = if self.tester.is_some() {
            let link = self.view.borrow().as_ref().clone();
            let test = Notice {
                kind: AlertKind::Test,
                since: link.since,
                trouble: None,
            };
            (None, Row::new(&test, &link, &self.sender, now))
        } else if let Some((number, row)) = self.queue.due(now) {
            (Some(number), row.clone())
        } else {
            return;
        };
        let receiver = Arc::clone(&self.receiver);
        let (id, kind) = (row.id.clone(), row.kind);
        let body = Bytes::from(body(&row, self.format));
        let attempt = tokio::spawn(async move {
            let message = Message {
                id: &row.id,
                body: &body,
                headers: &[],
            };
            receiver.post(&message, clock::wall()).await
        });
        self.in_flight = Some(InFlight {
            number,
            id,
            kind,
            attempt,
        });
    }

    /// Records the result of a finished attempt.
    async fn ended(&mut self, attempt: Attempt) {
        let Some(InFlight {
            number, id, kind, ..
        }) = self.in_flight.take()
        else {
            return;
        };
        let Attempt {
            status,
            took,
            refused,
        } = attempt;
        let failure = refused.map(failure);
        let now = clock::now();
        let host = self.receiver.host();
        let kind = kind.name();
        let Some(number) = number else {
            if let Some(tester) = self.tester.take() {
                let _ = tester.send(Tested {
                    id,
                    host: host.to_owned(),
                    status,
                    took,
                    error: failure.map(|failure| failure.error),
                });
            }
            return;
        };
        match failure {
            None => {
                self.queue.delivered(number, now);
                tracing::info!(id, kind, host, "alert delivered");
                self.board.send_modify(|board| board.count_delivered(now));
            }
            Some(failure) => {
                let error = &failure.error;
                let given_up = self.queue.failed(number, &failure, now, fastrand::f64());
                let (attempts, next_at) = self.queue.attempts(number);
                if given_up {
                    tracing::error!(id, kind, host, error, attempts, "alert abandoned");
                } else {
                    let retry_in = clock::until(next_at).as_secs_f32();
                    tracing::warn!(
                        id,
                        kind,
                        host,
                        error,
                        attempt = attempts,
                        retry_in,
                        "alert delivery failed, will retry"
                    );
                }
                self.board.send_modify(|board| {
                    board.count_failed(error, now);
                    board.count_given_up(usize::from(given_up));
                });
            }
        }
        self.keep(false).await;
    }

    /// Stores the changes durably, then publishes them.
    async fn keep(&mut self, history: bool) {
        let changes = self.queue.take_changes();
        alerts::keep(&self.vault, history.then_some(&self.history), &changes).await;
        self.board.send_modify(|board| board.list(&self.queue));
    }
}

/// The result for an attempt whose task panicked or whose runtime ended: it is unknown whether the alert arrived.
fn lost() -> Attempt {
    Attempt {
        status: None,
        took: Duration::ZERO,
        refused: Some(Refused {
            error: "the attempt was interrupted".to_owned(),
            scope: openclaw_webhook::Scope::Receiver,
            retry_after: None,
        }),
    }
}

/// What a failed attempt means for an alert.
fn failure(refused: Refused) -> Failure {
    use openclaw_webhook::Scope as At;
    Failure {
        error: refused.error,
        scope: match refused.scope {
            At::Receiver => Scope::Receiver,
            At::Message => Scope::Alert,
            At::Gone => Scope::Final,
        },
        retry_after: refused.retry_after,
    }
}
