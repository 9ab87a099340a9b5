//! Notes lines on stdin that are too long: the SDK discards them, and answers nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::console;

/// A reader that counts the bytes of each line.
pub(super) struct Lines<R> {
    inner: R,
    max_bytes: usize,
    length: usize,
}

impl<R> Lines<R> {
    pub(super) const fn new(inner: R, max_bytes: usize) -> Self {
        Self {
            inner,
            max_bytes,
            length: 0,
        }
    }

    /// True if a line passes the limit within `bytes`.
    fn passes(&mut self, bytes: &[u8]) -> bool {
        let mut passed = false;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let before = self.length;
            self.length = self.length.saturating_add(part.len());
            passed |= before <= self.max_bytes && self.length > self.max_bytes;
            if part.ends_with(b"\n") {
                self.length = 0;
            }
        }
        passed
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if self.passes(&buf.filled()[before..]) {
            let mebibytes = self.max_bytes >> 20;
            console::note(&format!(
                "warning: a request was discarded: it is longer than {mebibytes} MiB"
            ));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_noted_once_when_it_passes_the_limit() {
        let mut lines = Lines::new((), 4);
        for (bytes, passes) in [
            ("abc\n", false),
            ("abcd", false),
            ("\n", true),
            ("ab", false),
            ("cde", true),
            ("fgh", false),
            ("\nabc\nabcde\na", true),
            ("bc\n", false),
        ] {
            assert_eq!(lines.passes(bytes.as_bytes()), passes, "{bytes:?}");
        }
    }
}
