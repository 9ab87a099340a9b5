//! The embedded files that are no secret: served to everyone who reaches the port, so that refusals look like the page.

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) content: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal: $type:expr, $file:literal;)+) => {
        &[$(File { path: $path, content_type: $type, content: include_str!($file) }),+]
    };
}

const FILES: &[File] = files! {
    "/page.css": CSS, "page.css";
    "/icon.svg": "image/svg+xml", "icon.svg";
    "/pair.js": SCRIPT, "pair.js";
    "/pairing.js": SCRIPT, "pairing.js";
    "/console/console.css": CSS, "console/console.css";
    "/console/app.js": SCRIPT, "console/app.js";
    "/console/api.js": SCRIPT, "console/api.js";
    "/console/dom.js": SCRIPT, "console/dom.js";
    "/console/live.js": SCRIPT, "console/live.js";
    "/console/link.js": SCRIPT, "console/link.js";
    "/console/chats.js": SCRIPT, "console/chats.js";
    "/console/chat.js": SCRIPT, "console/chat.js";
    "/console/composer.js": SCRIPT, "console/composer.js";
    "/console/events.js": SCRIPT, "console/events.js";
    "/console/outbox.js": SCRIPT, "console/outbox.js";
    "/console/allowlist.js": SCRIPT, "console/allowlist.js";
    "/console/alerts.js": SCRIPT, "console/alerts.js";
    "/console/charts.js": SCRIPT, "console/charts.js";
};

/// The file at this path.
pub(super) fn at(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}
