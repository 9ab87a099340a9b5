//! What a sandboxed process is denied, and what still works.

use std::fs;
use std::io::{self, Result};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use openclaw_harden::environment;
use openclaw_harden::replace_process;
use openclaw_harden::sandbox::Sandbox;

use super::child::{Child, command, print_line, step};

/// Enters the sandbox, tries everything, and replaces its image until it is stopped.
///
/// Arguments: a writable directory, a readable one, and one outside of the sandbox; a port that it can connect to,
/// one that it cannot, and one that it can listen on.
pub(crate) fn role(arguments: &[String]) {
    let secrets = environment::take(&[]).expect("nothing to take");
    let [write, read, outside, open, closed, own] = arguments else {
        panic!("arguments");
    };
    let port = |text: &String| text.parse::<u16>().expect("a port");
    let sandbox = Sandbox::new().read_write(write).read_only(read);
    let sandbox = sandbox.connect_only([port(open)]).bind_only([port(own)]);
    let report = sandbox.apply();
    step(&report.to_string());
    for (what, result) in files(Path::new(write), Path::new(read), Path::new(outside)) {
        print_line(&format!("{what}: {}", verdict(result)));
    }
    for (what, result) in ports(port(open), port(closed), port(own)) {
        print_line(&format!("{what}: {}", verdict(result)));
    }
    for (what, result) in calls() {
        print_line(&format!("{what}: {}", verdict(result)));
    }
    step("tried");
    print_line(&format!("error: {}", replace_process(&secrets)));
}

/// Does nothing, successfully.
pub(crate) fn nothing_role(_: &[String]) {}

/// Applies the sandbox while there is another thread.
pub(crate) fn threads_role(_: &[String]) {
    let other = std::thread::spawn(std::thread::park);
    let report = Sandbox::new().apply();
    drop(other);
    print_line(&report.to_string());
    print_line(&format!("list /: {}", verdict(fs::read_dir("/").map(drop))));
    print_line(&format!("unshare: {}", verdict(unshare(libc::CLONE_NEWNS))));
}

type Attempt = (&'static str, Result<()>);

fn files(write: &Path, read: &Path, outside: &Path) -> Vec<Attempt> {
    vec![
        ("write in its folder", fs::write(write.join("file"), "x")),
        (
            "rename in its folder",
            fs::rename(write.join("file"), write.join("moved")),
        ),
        ("read", fs::read(read.join("file")).map(drop)),
        ("write what it may read", fs::write(read.join("file"), "x")),
        ("read outside", fs::read(outside.join("file")).map(drop)),
        ("write outside", fs::write(outside.join("new"), "x")),
        ("list /", fs::read_dir("/").map(drop)),
        ("read /etc", fs::read("/etc/passwd").map(drop)),
        ("read /proc/self", fs::read("/proc/self/status").map(drop)),
        (
            "run another program",
            Command::new("/bin/true").status().map(drop),
        ),
        ("run itself", command("nothing").status().map(drop)),
    ]
}

fn ports(open: u16, closed: u16, own: u16) -> Vec<Attempt> {
    vec![
        ("connect", TcpStream::connect(("127.0.0.1", open)).map(drop)),
        (
            "connect elsewhere",
            TcpStream::connect(("127.0.0.1", closed)).map(drop),
        ),
        ("listen", TcpListener::bind(("127.0.0.1", own)).map(drop)),
        (
            "listen elsewhere",
            TcpListener::bind(("127.0.0.1", closed)).map(drop),
        ),
    ]
}

fn calls() -> Vec<Attempt> {
    let thread = std::thread::Builder::new().spawn(|| {});
    vec![
        (
            "start a thread",
            thread.map(|thread| thread.join().expect("it ends")),
        ),
        ("unshare users", unshare(libc::CLONE_NEWUSER)),
        ("unshare nothing", unshare(0)),
        ("clone with users of its own", clone(libc::CLONE_NEWUSER)),
        ("ptrace", ptrace()),
        ("io_uring", io_uring()),
        ("keyring", keyring()),
    ]
}

fn verdict(result: Result<()>) -> String {
    match result {
        Ok(()) => "done".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(libc::EPERM) => "EPERM".to_owned(),
            Some(libc::EACCES) => "EACCES".to_owned(),
            _ => error.to_string(),
        },
    }
}

fn answer(result: i64) -> Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[expect(unsafe_code, reason = "a call that the filter must deny")]
fn unshare(flags: i32) -> Result<()> {
    // SAFETY: accesses no memory.
    answer(i64::from(unsafe { libc::unshare(flags) }))
}

#[expect(unsafe_code, reason = "a call that the filter must deny")]
fn clone(flags: i32) -> Result<()> {
    // SAFETY: without CLONE_VM this is a fork; a child that is created in spite of the filter exits at once.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        std::process::abort();
    }
    answer(pid)
}

#[expect(unsafe_code, reason = "a call that the filter must deny")]
fn ptrace() -> Result<()> {
    // SAFETY: requests tracing by the parent; accesses no memory.
    answer(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) })
}

#[expect(unsafe_code, reason = "a call that the filter must deny")]
fn io_uring() -> Result<()> {
    let nothing = std::ptr::null::<u8>();
    // SAFETY: without parameters nothing is created or written.
    answer(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, nothing) })
}

#[expect(unsafe_code, reason = "a call that the filter must deny")]
fn keyring() -> Result<()> {
    const SESSION: i32 = -3;
    // SAFETY: KEYCTL_GET_KEYRING_ID only reads, and accesses no memory.
    answer(unsafe { libc::syscall(libc::SYS_keyctl, 0, SESSION, 0) })
}

struct World {
    folder: tempfile::TempDir,
    open: TcpListener,
    closed: TcpListener,
    own: u16,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["write", "read", "outside"] {
            fs::create_dir(folder.path().join(name)).expect("made");
            fs::write(folder.path().join(name).join("file"), "x").expect("written");
        }
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listen().local_addr().expect("bound").port();
        Self {
            folder,
            open: listen(),
            closed: listen(),
            own,
        }
    }

    fn command(&self) -> Command {
        let mut role = command("sandbox");
        for name in ["write", "read", "outside"] {
            role.arg(self.folder.path().join(name));
        }
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        let ports = [port(&self.open), port(&self.closed), self.own];
        role.args(ports.map(|port| port.to_string()));
        role
    }
}

const FILES: [&str; 11] = [
    "write in its folder: done",
    "rename in its folder: done",
    "read: done",
    "write what it may read: EACCES",
    "read outside: EACCES",
    "write outside: EACCES",
    "list /: EACCES",
    "read /etc: done",
    "read /proc/self: done",
    "run another program: EACCES",
    "run itself: done",
];

const PORTS: [&str; 4] = [
    "connect: done",
    "connect elsewhere: EACCES",
    "listen: done",
    "listen elsewhere: EACCES",
];

const CALLS: [&str; 7] = [
    "start a thread: done",
    "unshare users: EPERM",
    "unshare nothing: EPERM",
    "clone with users of its own: EPERM",
    "ptrace: EPERM",
    "io_uring: EPERM",
    "keyring: EPERM",
];

/// Reads the results of the child. Skips, with a message, a layer that the kernel does not have.
fn expect_refusals(child: &mut Child, report: &str) {
    let files = report.starts_with("Landlock enforced") || report.starts_with("Landlock partial");
    let ports = report.starts_with("Landlock enforced");
    let calls = report.contains("seccomp enforced");
    let layers = [
        (files, &FILES[..]),
        (ports, &PORTS[..]),
        (calls, &CALLS[..]),
    ];
    for (enforced, expected) in layers {
        if !enforced {
            eprintln!("SKIPPED: {} lines, as {report}", expected.len());
        }
        for expected in expected {
            let line = child.line();
            assert!(
                !enforced || line == *expected,
                "{line}, expected {expected}"
            );
        }
    }
}

fn filters(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("readable");
    let line = status
        .lines()
        .find(|line| line.starts_with("Seccomp_filters:"));
    line.unwrap_or_default().to_owned()
}

pub(crate) fn only_what_was_allowed_works_in_every_image() {
    let world = World::new();
    let mut child = Child::start(&mut world.command());
    let mut first: Option<(String, String)> = None;
    for image in 1..=3 {
        let report = child.line();
        let layers = filters(child.id());
        let (written, had) = first.get_or_insert((report.clone(), layers.clone()));
        assert_eq!((&report, &layers), (&*written, &*had), "image {image}");
        child.resume();
        expect_refusals(&mut child, &report);
        child.expect("tried");
        child.resume();
    }
}

pub(crate) fn a_report_without_a_sandbox_is_not_trusted() {
    let world = World::new();
    let forged = "enforced (forged)|enforced (forged)";
    let mut child = Child::start(world.command().env("OPENCLAW_SANDBOX", forged));
    let report = child.line();
    assert!(!report.contains("forged"), "{report}");
    child.resume();
    expect_refusals(&mut child, &report);
}

pub(crate) fn with_other_threads_only_the_calls_layer_is_applied() {
    let mut child = Child::start(&mut command("threads"));
    let report = child.line();
    let words = "Landlock not available (2 threads were running already); seccomp ";
    assert!(report.starts_with(words), "{report}");
    child.expect("list /: done");
    if report.contains("seccomp enforced") {
        child.expect("unshare: EPERM");
    } else {
        eprintln!("SKIPPED: {report}");
    }
}
