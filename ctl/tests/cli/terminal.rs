//! The binary on a real pseudo-terminal, with an independent emulator.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;

use pty_process::{Pty, Size};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::sync::watch;

use crate::picture::Picture;
use crate::program::{BINARY, DEADLINE};

/// The screen before the binary starts.
pub(crate) const BEFORE: &str = "$ openclawctl";

/// A terminal with the binary in it.
pub(crate) struct Terminal {
    pty: Pty,
    child: Child,
    emulator: vt100::Parser,
    raw: Vec<u8>,
    printed: Arc<watch::Sender<String>>,
    marks: String,
}

impl Terminal {
    /// Starts the binary on a terminal of `columns` and `lines`, through a shell line if there is one.
    pub(crate) fn start(
        dir: &Path,
        shell: Option<&str>,
        args: &[&str],
        env: &[(&str, &str)],
        (columns, lines): (u16, u16),
        printed: &Arc<watch::Sender<String>>,
    ) -> Self {
        let (pty, pts) = pty_process::open().expect("a pseudo-terminal");
        pty.resize(Size::new(lines, columns)).expect("its size");
        let socket = format!("unix:{}", dir.join("agent.sock").display());
        let mut all = BTreeMap::from([("TERM", "xterm-256color"), ("OPENCLAW_AGENT", &socket)]);
        all.extend(env.iter().copied());
        let command = match shell {
            Some(line) => pty_process::Command::new("sh").args(["-mc", line, BINARY]),
            None => pty_process::Command::new(BINARY),
        };
        let child = command
            .args(args)
            .env_clear()
            .envs(all)
            .current_dir(dir)
            .kill_on_drop(true)
            .spawn(pts)
            .expect("start openclawctl");
        let mut emulator = vt100::Parser::new(nonzero(lines), nonzero(columns), 1000);
        emulator.process(format!("{BEFORE}\r\n").as_bytes());
        Self {
            pty,
            child,
            emulator,
            raw: Vec::new(),
            printed: Arc::clone(printed),
            marks: String::new(),
        }
    }

    /// Reads until the screen matches.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                assert!(self.read().await, "it ended before: {what}");
            }
        };
        let found = tokio::time::timeout(DEADLINE, waiting).await.is_ok();
        assert!(found, "never: {what}; the screen:\n{}", self.text());
    }

    /// Reads until the binary has ended, and returns its exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        let waiting = async {
            while self.read().await {}
            self.child.wait().await.expect("wait").code()
        };
        let ended = tokio::time::timeout(DEADLINE, waiting).await;
        ended.unwrap_or_else(|_| panic!("it hangs; the screen:\n{}", self.text()))
    }

    /// Releases a step of the agent that waits for `text`, as if it had been printed.
    pub(crate) fn mark(&mut self, text: &str) {
        self.marks.push_str(text);
        self.show_agent();
    }

    fn show_agent(&self) {
        self.printed.send_replace(self.text() + &self.marks);
    }

    /// Reads more output; `false` at the end.
    async fn read(&mut self) -> bool {
        let mut some = [0; 4096];
        // When the last process has closed the terminal, a read returns an error instead of EOF.
        let Ok(count @ 1..) = self.pty.read(&mut some).await else {
            return false;
        };
        self.emulator.process(&some[..count]);
        self.raw.extend_from_slice(&some[..count]);
        self.show_agent();
        true
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.expect("it runs"), Signal::TERM).expect("send SIGTERM");
    }

    pub(crate) async fn type_keys(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).await.expect("type");
    }

    /// Resizes the terminal.
    pub(crate) fn resize(&mut self, columns: u16, lines: u16) {
        self.pty
            .resize(Size::new(lines, columns))
            .expect("its size");
        self.emulator
            .screen_mut()
            .set_size(nonzero(lines), nonzero(columns));
    }

    /// The visible text.
    pub(crate) fn text(&self) -> String {
        self.emulator.screen().contents()
    }

    /// True if the terminal is restored: main buffer, visible cursor, no attributes, echo on.
    pub(crate) fn is_as_before(&self) -> bool {
        let screen = self.emulator.screen();
        let plain =
            screen.fgcolor() == vt100::Color::Default && screen.bgcolor() == vt100::Color::Default;
        let input = tcgetattr(&self.pty).expect("its settings").local_modes;
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && plain
            && input.contains(LocalModes::ECHO | LocalModes::ICANON)
            && !self.text().contains(['█', '▀', '▄'])
    }

    /// All raw output.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The QR code on it, on a terminal whose background has the brightness `ground`.
    pub(crate) fn code(&self, ground: u8) -> Option<String> {
        let screen = self.emulator.screen();
        let (lines, columns) = screen.size();
        let picture = Picture::of_cells(
            usize::from(columns.get()),
            usize::from(lines.get()),
            |x, y| {
                let (x, y) = (u16::try_from(x).unwrap(), u16::try_from(y).unwrap());
                let cell = screen.cell(y, x).expect("a cell");
                let glyph = cell.contents().chars().next().unwrap_or(' ');
                (
                    glyph,
                    shade(cell.fgcolor(), 255 - ground),
                    shade(cell.bgcolor(), ground),
                )
            },
        );
        picture.read()
    }
}

/// The brightness of a colour, for the colours used here.
fn shade(color: vt100::Color, default: u8) -> u8 {
    match color {
        vt100::Color::Default => default,
        vt100::Color::Idx(16) => 0,
        vt100::Color::Idx(231) => 255,
        other => panic!("{other:?} depends on the theme"),
    }
}

fn nonzero(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("not empty")
}
