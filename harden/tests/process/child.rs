//! A process of this program in a role: it says lines, and waits for a line before each next step.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

use super::runner::ROLE;

/// The process, killed when dropped.
pub(crate) struct Child {
    process: Process,
    orders: ChildStdin,
    lines: BufReader<ChildStdout>,
}

/// The command that plays `role`.
pub(crate) fn command(role: &str) -> Command {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args([ROLE, role]);
    command
}

impl Child {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = pipes.spawn().expect("the child starts");
        let orders = process.stdin.take().expect("piped");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        Self {
            process,
            orders,
            lines,
        }
    }

    /// The next line it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        assert!(
            line.ends_with('\n'),
            "the child ended instead of speaking: {line:?}"
        );
        line.trim_end().to_owned()
    }

    /// Waits for it to say exactly this.
    pub(crate) fn expect(&mut self, words: &str) {
        assert_eq!(self.line(), words);
    }

    /// Lets it continue to its next step.
    pub(crate) fn go_on(&mut self) {
        writeln!(self.orders, "go on").expect("it listens");
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In the child: says a line.
pub(crate) fn say(words: &str) {
    let mut parent = std::io::stdout().lock();
    let said = writeln!(parent, "{words}").and_then(|()| parent.flush());
    if said.is_err() {
        gone();
    }
}

/// In the child: says a line and waits until told to continue.
pub(crate) fn step(words: &str) {
    say(words);
    let mut order = String::new();
    if std::io::stdin().read_line(&mut order).unwrap_or(0) == 0 {
        gone();
    }
}

/// The parent has seen what it wanted, or failed.
fn gone() -> ! {
    std::process::abort();
}
