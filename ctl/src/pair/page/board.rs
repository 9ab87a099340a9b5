//! What every open page shows, with a number that changes with it. It has credentials in it: no `Debug`.

use std::sync::Arc;

use prost_types::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::millis_between;
use crate::failure::Failure;
use crate::numbers::Numbers;
use crate::pair::frame::Shown;
use crate::pair::passkey::{AFTER_SNIPPET, BEFORE_SNIPPET, Challenge, WHY};
use crate::pair::view;
use crate::qr::svg;
use crate::text::one_line;

/// Where the pairing posts, and pages read.
#[derive(Clone)]
pub(super) struct Board(Arc<watch::Sender<Posted>>);

/// What is posted, and under which number.
#[derive(Clone)]
pub(super) struct Posted {
    version: u64,
    method: Method,
    /// When the pairing ends.
    ends_at: Option<Timestamp>,
    scene: Arc<Scene>,
}

/// How the phone is linked.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    Qr,
    PhoneCode,
}

/// What a page shows.
pub(super) enum Scene {
    /// A frame of the pairing.
    Pairing(Shown),
    /// WhatsApp has accepted the passkey's answer, or the phone's code.
    Accepted,
    /// The phone with this number is linked.
    Linked(String),
    /// The pairing failed; the page may begin again.
    Failed(Reason),
    /// The program ends.
    Stopped(Reason),
}

/// Why something failed, for the page.
#[derive(Clone, Serialize)]
pub(super) struct Reason {
    error: String,
    hint: String,
}

impl From<&Failure> for Reason {
    fn from(failure: &Failure) -> Self {
        Self {
            error: failure.to_string(),
            hint: failure.hint().to_owned(),
        }
    }
}

impl Scene {
    /// True if nothing follows.
    fn is_last(&self) -> bool {
        matches!(self, Self::Linked(_) | Self::Stopped(_))
    }
}

impl Board {
    /// A board on which a pairing waits for its first frame.
    pub(super) fn new(method: Method, ends_at: Timestamp) -> Self {
        let posted = Posted {
            version: 0,
            method,
            ends_at: Some(ends_at),
            scene: Arc::new(Scene::Pairing(Shown::Waiting)),
        };
        Self(Arc::new(watch::Sender::new(posted)))
    }

    /// Begins another pairing.
    pub(super) fn begin(&self, method: Method, ends_at: Timestamp) {
        self.0.send_modify(|posted| {
            posted.method = method;
            posted.ends_at = Some(ends_at);
        });
        self.post(Scene::Pairing(Shown::Waiting));
    }

    /// Replaces what is shown.
    pub(super) fn post(&self, scene: Scene) {
        self.0.send_modify(|posted| {
            posted.version += 1;
            posted.scene = Arc::new(scene);
        });
    }

    /// Shows that an answer to the version `asked` was accepted, unless the pairing went on meanwhile.
    pub(super) fn accepted(&self, asked: u64) {
        self.0.send_if_modified(|posted| {
            let is_next = posted.version == asked;
            if is_next {
                posted.version += 1;
                posted.scene = Arc::new(Scene::Accepted);
            }
            is_next
        });
    }

    /// Waits for something else than the version `seen`. May be dropped while it waits.
    pub(super) async fn after(&self, seen: Option<u64>) {
        let mut posts = self.0.subscribe();
        // Fails only without a board, which `self` has.
        let _ = posts
            .wait_for(|posted| Some(posted.version) != seen)
            .await
            .map(drop);
    }

    /// What is shown now.
    pub(super) fn current(&self) -> Posted {
        self.0.borrow().clone()
    }
}

impl Posted {
    /// Its number.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The challenge, while the passkey is asked for.
    pub(super) fn challenge(&self) -> Option<&Challenge> {
        match &*self.scene {
            Scene::Pairing(Shown::Passkey(challenge)) => Some(challenge),
            _ => None,
        }
    }

    /// True if nothing follows.
    pub(super) fn is_last(&self) -> bool {
        self.scene.is_last()
    }

    /// What a page receives. It has the time that is left instead of the time of the end, because the browser's
    /// computer may have another clock.
    pub(super) fn message(&self, now: Timestamp) -> impl Serialize {
        let Self {
            version,
            method,
            ends_at,
            scene,
        } = self;
        let (code_ends_at, ends_at) = match &**scene {
            Scene::Pairing(Shown::Qr { expires_at, .. } | Shown::PhoneCode { expires_at, .. }) => {
                (*expires_at, *ends_at)
            }
            // A ceremony has its own time.
            Scene::Pairing(Shown::Passkey(challenge)) => (challenge.expires_at, None),
            Scene::Pairing(Shown::Compare { .. }) | Scene::Accepted => (None, None),
            _ => (None, *ends_at),
        };
        let left = |at: Timestamp| millis_between(now, at).max(0);
        Message {
            version: *version,
            method: *method,
            code_ms: code_ends_at.map(left),
            pairing_ms: ends_at.map(left),
            view: View::of(scene),
        }
    }
}

#[derive(Serialize)]
struct Message {
    version: u64,
    method: Method,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairing_ms: Option<i64>,
    #[serde(flatten)]
    view: View,
}

#[derive(Serialize)]
#[serde(tag = "view", rename_all = "snake_case")]
enum View {
    Waiting,
    Qr {
        /// Modules along one side, with the quiet zone.
        side: usize,
        /// The dark modules, as the path of an SVG image.
        path: String,
        ordinal: u32,
    },
    PhoneCode {
        code: String,
    },
    Passkey {
        why: &'static str,
        /// The steps before the snippet, and the one after it.
        before: [&'static str; 2],
        snippet: String,
        after: &'static str,
    },
    Accepted,
    Compare {
        code: String,
    },
    Scanned,
    Linked {
        phone: String,
    },
    Failed(Reason),
    Stopped(Reason),
}

impl View {
    fn of(scene: &Scene) -> Self {
        match scene {
            Scene::Pairing(Shown::Waiting) => Self::Waiting,
            Scene::Pairing(Shown::Qr { code, ordinal, .. }) => Self::Qr {
                side: code.side(),
                path: svg::path(code),
                ordinal: *ordinal,
            },
            Scene::Pairing(Shown::PhoneCode { code, .. }) => Self::PhoneCode {
                code: view::grouped(code),
            },
            Scene::Pairing(Shown::Passkey(challenge)) => Self::Passkey {
                why: WHY,
                before: BEFORE_SNIPPET,
                snippet: challenge.snippet(),
                after: AFTER_SNIPPET,
            },
            Scene::Accepted => Self::Accepted,
            Scene::Pairing(Shown::Compare { code }) => Self::Compare {
                code: one_line(code),
            },
            Scene::Pairing(Shown::Scanned) => Self::Scanned,
            Scene::Linked(phone) => Self::Linked {
                phone: Numbers::chosen().show(phone),
            },
            Scene::Failed(reason) => Self::Failed(reason.clone()),
            Scene::Stopped(reason) => Self::Stopped(reason.clone()),
        }
    }
}
