//! All steps in the order that the crate's documentation gives, as the first process of a container.

use std::fs;
use std::path::Path;

use openclaw_harden::privileges::{Setting, drop_if_wanted};
use openclaw_harden::process::{Inspection, protect};
use openclaw_harden::sandbox::Sandbox;
use openclaw_harden::{LockedKey, environment, replace_process};

use super::child::{Child, print_line, step};
use super::runner::ROLE;
use super::scan::{LENGTH, halves_in, secret};
use super::{Reachable, first_process};

const KEY: &str = "OPENCLAW_TEST_KEY";

/// Hardens itself, uses its key and replaces its image, repeatedly.
pub(crate) fn role(arguments: &[String]) {
    let dir = Path::new(&arguments[0]);
    let secrets = environment::take(&[KEY]).expect("taken");
    let dropped = drop_if_wanted(Setting::Auto, &[dir]).expect("dropped");
    let protection = protect(Inspection::Refused);
    let report = Sandbox::new().read_write(dir).apply();
    print_line(if dropped.is_some() {
        "dropped"
    } else {
        "not root"
    });
    print_line(&protection.to_string());
    print_line(&report.to_string());
    let text = secrets.read(KEY).expect("readable").expect("set");
    let key = LockedKey::new(|place| place.copy_from_slice(text.as_bytes())).expect("a page");
    drop(text);
    fs::write(
        dir.join("vault.hdr"),
        key.with(|bytes| bytes[0].to_string()),
    )
    .expect("written");
    step("in use");
    print_line(&format!("error: {}", replace_process(&secrets)));
}

pub(crate) fn all_steps_together_work_in_every_image() {
    let number = 0xA11;
    assert_eq!(secret(number).len(), LENGTH);
    let program = Reachable::copy();
    let dir = program.dir().join("auth");
    let Some(mut container) = first_process(&program.path()) else {
        return;
    };
    container
        .args([ROLE, "agent"])
        .arg(&dir)
        .env(KEY, secret(number));
    let mut child = Child::start(&mut container);
    let mut first = None;
    for image in 1..=3 {
        child.expect(if image == 1 { "dropped" } else { "not root" });
        child.expect("not dumpable: yes, no core file: yes, no new privileges: yes");
        let report = child.line();
        assert_eq!(
            &report,
            first.get_or_insert(report.clone()),
            "image {image}"
        );
        child.expect("in use");
        // On its page and nowhere else.
        assert_eq!(halves_in(inside(&child), number), 2, "image {image}");
        // An upgrade, or a container's layer, removes the program file while the process runs.
        let _ = fs::remove_file(program.path());
        child.resume();
    }
}

/// The process that `unshare` forked.
fn inside(child: &Child) -> u32 {
    let pid = child.id();
    let children =
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("readable");
    children.trim().parse().expect("one child")
}
