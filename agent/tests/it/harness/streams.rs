//! The agent's streams, with a deadline for every wait.

use std::sync::{Arc, Mutex};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::pair_frame::Frame;
use openclaw_proto::v1::watch_events_response::Item;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::TEST_TIMEOUT;

/// Secrets that a pairing showed; no log may contain them.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<Vec<String>>>);

impl Secrets {
    fn add(&self, text: &str) {
        let parts = text.split(',').filter(|part| part.len() > 4);
        self.0.lock().unwrap().extend(parts.map(str::to_owned));
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A Pair call. Dropping it closes the stream.
pub(crate) struct Pairing {
    frames: Streaming<pb::PairFrame>,
    secrets: Secrets,
}

impl Pairing {
    pub(crate) fn new(frames: Streaming<pb::PairFrame>, secrets: Secrets) -> Self {
        Self { frames, secrets }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = within(self.frames.message(), "a frame").await.unwrap()?;
        let frame = frame.frame.expect("no frame is empty");
        match &frame {
            Frame::Qr(qr) => self.secrets.add(&qr.payload),
            Frame::PhoneCode(code) => self.secrets.add(&code.code),
            _ => {}
        }
        Some(frame)
    }

    /// The next frame, which must be a QR code.
    pub(crate) async fn qr(&mut self) -> pb::QrCode {
        match self.next().await {
            Some(Frame::Qr(qr)) => qr,
            other => panic!("no QR code but {other:?}"),
        }
    }

    /// Expects `scanned`, `linked` and the end.
    pub(crate) async fn linked(mut self) -> pb::Linked {
        assert!(matches!(self.next().await, Some(Frame::Scanned(_))));
        match (self.next().await, self.next().await) {
            (Some(Frame::Linked(linked)), None) => linked,
            other => panic!("not linked but {other:?}"),
        }
    }

    /// Skips to `failed`, which must be the last frame.
    pub(crate) async fn failed(mut self) -> pb::PairFailed {
        loop {
            match self.next().await {
                Some(Frame::Failed(failed)) => {
                    assert_eq!(self.next().await, None, "failed is the last frame");
                    assert!(!failed.hint.is_empty());
                    return failed;
                }
                Some(Frame::Linked(_)) | None => panic!("the pairing did not fail"),
                Some(_) => {}
            }
        }
    }
}

/// A WatchEvents call.
pub(crate) struct Watcher(Streaming<pb::WatchEventsResponse>);

impl Watcher {
    pub(crate) fn new(stream: Streaming<pb::WatchEventsResponse>) -> Self {
        Self(stream)
    }

    /// The next item; `None` at the end of the stream.
    pub(crate) async fn item(&mut self) -> Result<Option<Item>, Status> {
        let next = within(self.0.message(), "an item").await?;
        Ok(next.map(|response| response.item.expect("no item is empty")))
    }

    /// The next event that `fits`; earlier ones are skipped.
    pub(crate) async fn event<T>(&mut self, mut fits: impl FnMut(&pb::Event) -> Option<T>) -> T {
        let find = async {
            loop {
                match self.item().await.unwrap() {
                    Some(Item::Event(event)) => {
                        if let Some(found) = fits(&event) {
                            return found;
                        }
                    }
                    Some(_) => {}
                    None => panic!("the stream has ended"),
                }
            }
        };
        within(find, "an event").await
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> pb::Message {
        self.event(message).await
    }

    /// The texts of the next `count` messages.
    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::with_capacity(count);
        while texts.len() < count {
            texts.push(self.message().await.text().to_owned());
        }
        texts
    }

    /// Every event until the stream ends by itself.
    pub(crate) async fn all(mut self) -> Vec<pb::Event> {
        let mut events = Vec::new();
        while let Some(item) = self.item().await.unwrap() {
            if let Item::Event(event) = item {
                events.push(event);
            }
        }
        events
    }
}

/// The message in an event.
pub(crate) fn message(event: &pb::Event) -> Option<pb::Message> {
    match &event.kind {
        Some(pb::event::Kind::Message(message)) => Some(message.clone()),
        _ => None,
    }
}

/// `grpc.health.v1`.
pub(crate) struct Health(HealthClient<Channel>);

impl Health {
    pub(crate) fn new(channel: Channel) -> Self {
        Self(HealthClient::new(channel))
    }

    pub(crate) async fn check(&mut self, service: &str) -> Result<ServingStatus, Status> {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        Ok(self.0.check(request).await?.into_inner().status())
    }

    /// Checks that a Watch of the service sends exactly these states in order.
    pub(crate) async fn follow(&mut self, service: &str, wanted: &[ServingStatus]) {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut stream = self.0.watch(request).await.unwrap().into_inner();
        for wanted in wanted {
            let answer = within(stream.message(), "a health status").await.unwrap();
            assert_eq!(answer.expect("the stream continues").status(), *wanted);
        }
    }

    /// Waits until a Watch of the service sends this state.
    pub(crate) async fn until(&mut self, service: &str, wanted: ServingStatus) {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut stream = self.0.watch(request).await.unwrap().into_inner();
        let find = async {
            while let Some(answer) = stream.message().await.unwrap() {
                if answer.status() == wanted {
                    return;
                }
            }
            panic!("the health stream has ended");
        };
        within(find, "a health status").await;
    }
}

async fn within<T>(wait: impl Future<Output = T>, what: &str) -> T {
    match tokio::time::timeout(TEST_TIMEOUT, wait).await {
        Ok(done) => done,
        Err(_) => panic!("{what} did not come in time"),
    }
}
