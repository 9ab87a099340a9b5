//! A child process of this program in a role: it prints lines, and waits for a line of input before each step.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

use super::runner::ROLE;

/// The child process, killed on drop.
pub(crate) struct Child {
    process: Process,
    orders: ChildStdin,
    lines: BufReader<ChildStdout>,
}

/// The command for `role`.
pub(crate) fn command(role: &str) -> Command {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args([ROLE, role]);
    command
}

impl Child {
    /// Starts the child.
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

    /// The next line of the child's output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        assert!(
            line.ends_with('\n'),
            "the child ended without output: {line:?}"
        );
        line.trim_end().to_owned()
    }

    /// Waits for exactly this line.
    pub(crate) fn expect(&mut self, words: &str) {
        assert_eq!(self.line(), words);
    }

    /// Lets the child continue with its next step.
    pub(crate) fn resume(&mut self) {
        writeln!(self.orders, "go on").expect("the child reads its input");
    }

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

/// In the child: prints a line.
pub(crate) fn print_line(words: &str) {
    let mut parent = std::io::stdout().lock();
    let written = writeln!(parent, "{words}").and_then(|()| parent.flush());
    if written.is_err() {
        exit();
    }
}

/// In the child: prints a line and waits for the parent.
pub(crate) fn step(words: &str) {
    print_line(words);
    let mut order = String::new();
    if std::io::stdin().read_line(&mut order).unwrap_or(0) == 0 {
        exit();
    }
}

/// Exits because the parent is finished or has failed.
fn exit() -> ! {
    std::process::abort();
}
