//! Dropping root privileges permanently.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use openclaw_harden::privileges::{Setting, drop_if_wanted};

use super::child::{Child, print_line};
use super::runner::ROLE;
use super::{Reachable, first_process, root};

/// Drops privileges according to the first argument, gives away the directory in the second, then tries what only
/// root can do.
pub(crate) fn role(arguments: &[String]) {
    let setting: Setting = arguments[0].parse().expect("a setting");
    let dir = Path::new(&arguments[1]);
    let threads = arguments.get(2).is_some();
    let other = threads.then(|| std::thread::spawn(std::thread::park));
    match drop_if_wanted(setting, &[dir]) {
        Ok(Some(dropped)) => {
            let (uid, gid) = (dropped.identity.uid(), dropped.identity.gid());
            print_line(&format!("{uid}:{gid}, given {}", dropped.given));
        }
        Ok(None) => print_line("stayed"),
        Err(error) => print_line(&format!("error: {error}")),
    }
    drop(other);
    let try_it = |what: &str, result: std::io::Result<()>| match result {
        Ok(()) => print_line(&format!("{what}: done")),
        Err(error) => print_line(&format!("{what}: {}", error.kind())),
    };
    try_it("write there", fs::write(dir.join("new"), "x"));
    try_it("write to root's", fs::write(dir.join("../root-only"), "x"));
    try_it(
        "become root",
        Command::new("/proc/self/exe")
            .uid(0)
            .args([ROLE, "nothing"])
            .status()
            .map(drop),
    );
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    for name in [
        "Uid",
        "Gid",
        "Groups",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "NoNewPrivs",
    ] {
        let line = status
            .lines()
            .find(|line| line.starts_with(&format!("{name}:")));
        print_line(line.expect("a field").replace('\t', " ").trim_end());
    }
}

struct Volume {
    folder: tempfile::TempDir,
}

impl Volume {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("set");
        let volume = Self { folder };
        fs::create_dir(volume.dir()).expect("made");
        fs::write(volume.dir().join("vault.hdr"), "x").expect("written");
        let outside = volume.folder.path().join("root-only");
        fs::write(&outside, "x").expect("written");
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o600)).expect("set");
        symlink(&outside, volume.dir().join("link")).expect("linked");
        volume
    }

    fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("auth")
    }
}

fn expect_all(child: &mut Child, lines: &[&str]) {
    for line in lines {
        child.expect(line);
    }
}

fn nobody_now(child: &mut Child, id: u32) {
    expect_all(
        child,
        &[
            "write there: done",
            "write to root's: permission denied",
            "become root: permission denied",
            &format!("Uid: {id} {id} {id} {id}"),
            &format!("Gid: {id} {id} {id} {id}"),
            "Groups:",
            "CapPrm: 0000000000000000",
            "CapEff: 0000000000000000",
            "CapBnd: 0000000000000000",
            "NoNewPrivs: 1",
        ],
    );
}

pub(crate) fn the_first_process_of_a_container_drops_privileges() {
    let volume = Volume::new();
    let program = Reachable::copy();
    let Some(mut container) = first_process(&program.path()) else {
        return;
    };
    container
        .args([ROLE, "privileges", "auto"])
        .arg(volume.dir());
    let mut child = Child::start(&mut container);
    // The directory, the header and the link itself.
    child.expect("65532:65532, given 3");
    nobody_now(&mut child, 65532);
    let outside = fs::metadata(volume.folder.path().join("root-only")).expect("there");
    assert_eq!(outside.uid(), 0, "the target of a link was given away");
}

pub(crate) fn on_a_host_auto_does_nothing_and_an_identity_is_applied() {
    if !root() {
        return;
    }
    let program = Reachable::copy();
    let start = |setting: &str, volume: &Volume| {
        let mut role = program.command("privileges");
        Child::start(role.arg(setting).arg(volume.dir()))
    };
    for setting in ["auto", "never"] {
        let volume = Volume::new();
        let mut child = start(setting, &volume);
        child.expect("stayed");
        // Still root.
        child.expect("write there: done");
    }
    let volume = Volume::new();
    // With supplementary groups that must be removed.
    let mut role = Command::new("setpriv");
    role.args(["--groups", "100,101"]).arg(program.path());
    role.args([ROLE, "privileges", "4242:4242"])
        .arg(volume.dir());
    let mut child = Child::start(&mut role);
    child.expect("4242:4242, given 3");
    nobody_now(&mut child, 4242);
}

pub(crate) fn a_missing_directory_is_created_for_the_new_user() {
    if !root() {
        return;
    }
    let volume = Volume::new();
    let dir = volume.dir().join("sub/auth");
    let program = Reachable::copy();
    let mut role = program.command("privileges");
    let mut child = Child::start(role.arg("4242:4242").arg(&dir));
    child.expect("4242:4242, given 1");
    let made = fs::metadata(&dir).expect("there");
    assert_eq!((made.uid(), made.mode() & 0o777), (4242, 0o700));
}

pub(crate) fn incomplete_drops_are_refused() {
    if !root() {
        return;
    }
    let volume = Volume::new();
    let program = Reachable::copy();
    let mut role = program.command("privileges");
    let mut child = Child::start(role.arg("4242:4242").arg(volume.dir()).arg("with threads"));
    child.expect("error: cannot drop privileges: 2 threads are already running");
    let mut role = program.command("privileges");
    let mut child = Child::start(role.arg("4242:4242").arg(volume.dir()).uid(1000));
    child.expect(
        "error: cannot switch to user 4242:4242: only root can, and this process runs as 1000",
    );
    let header = fs::metadata(volume.dir().join("vault.hdr")).expect("there");
    assert_eq!(header.uid(), 0);
}
