//! The embedded files that are no secret: served to everyone who reaches the port, so that refusals look like the page.

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) content: &'static str,
}

const FILES: [File; 3] = [
    File {
        path: "/page.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("page.css"),
    },
    File {
        path: "/pair.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("pair.js"),
    },
    File {
        path: "/icon.svg",
        content_type: "image/svg+xml",
        content: include_str!("icon.svg"),
    },
];

/// The file at this path.
pub(super) fn at(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}
