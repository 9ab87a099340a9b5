//! Taking secrets out of the environment, and passing them through image replacements.

use std::fs;
use std::process::Command;

use openclaw_harden::environment::{self, Secrets};
use openclaw_harden::replace_process;

use super::child::{Child, command, print_line, step};
use super::scan::{halves_in, secret};

const KEY: &str = "OPENCLAW_TEST_KEY";
const OTHER: &str = "OPENCLAW_TEST_PASSPHRASE";

/// Takes two secrets, prints digests of both twice, then replaces its own image, repeatedly.
pub(crate) fn role(_: &[String]) {
    let secrets = match environment::take(&[KEY, OTHER]) {
        Ok(secrets) => secrets,
        Err(error) => {
            print_line(&format!("error: {error}"));
            return;
        }
    };
    step("taken");
    for _ in 0..2 {
        step(&format!("{:016x}", digest(&secrets, KEY)));
    }
    step(&format!("{:016x}", digest(&secrets, OTHER)));
    let mut listing = command("descriptors");
    assert!(listing.status().expect("it runs").success());
    step("read");
    let error = replace_process(&secrets);
    print_line(&format!("error: {error}"));
}

/// Prints its inherited descriptors.
pub(crate) fn descriptors_role(_: &[String]) {
    let open = fs::read_dir("/proc/self/fd").expect("listed");
    let mut numbers: Vec<String> = open
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| fs::read_link(path).is_ok_and(|target| !target.starts_with("/proc")))
        .map(|path| path.file_name().expect("a number").display().to_string())
        .collect();
    numbers.sort();
    print_line(&numbers.join(" "));
}

fn digest(secrets: &Secrets, name: &str) -> u64 {
    let value = secrets.read(name).expect("readable");
    fnv(value.as_ref().map_or("not set", |value| value.as_str()))
}

fn fnv(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

fn environ(pid: u32) -> Vec<String> {
    let block = fs::read(format!("/proc/{pid}/environ")).expect("readable");
    let variables = block.split(|byte| *byte == 0);
    variables
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("listed")
        .count()
}

pub(crate) fn secrets_leave_the_environment_and_can_be_read_in_every_image() {
    let (number, other) = (0xE4B1, 0xE4B2);
    let usual = first_line(&mut command("descriptors"));
    let mut role = command("environment");
    role.arg("argument")
        .env(KEY, secret(number))
        .env(OTHER, secret(other));
    role.env("OPENCLAW_TEST_PLAIN", "kept");
    let mut child = Child::start(&mut role);
    let mut open = None;
    for image in 1..=3 {
        child.expect("taken");
        let arguments = fs::read(format!("/proc/{}/cmdline", child.id())).expect("readable");
        assert!(arguments.ends_with(b"\0environment\0argument\0"));
        let variables = environ(child.id());
        for name in [KEY, OTHER] {
            let of_it = |text: &&String| text.starts_with(&format!("{name}="));
            assert_eq!(variables.iter().find(of_it), None, "image {image}");
            let place = format!("{name}_FD=");
            assert!(
                variables.iter().any(|text| text.starts_with(&place)),
                "image {image}"
            );
        }
        assert!(variables.contains(&"OPENCLAW_TEST_PLAIN=kept".to_owned()));
        assert_eq!(
            halves_in(child.id(), number),
            0,
            "image {image}, before reading"
        );
        child.resume();
        for _ in 0..2 {
            child.expect(&format!("{:016x}", fnv(&secret(number))));
            child.resume();
        }
        child.expect(&format!("{:016x}", fnv(&secret(other))));
        child.resume();
        // A child of it has the usual descriptors, and no secret.
        child.expect(&usual);
        child.expect("read");
        for number in [number, other] {
            assert_eq!(
                halves_in(child.id(), number),
                0,
                "image {image}, after reading"
            );
        }
        // The number of descriptors does not grow from image to image.
        let now = descriptors(child.id());
        assert_eq!(now, *open.get_or_insert(now), "image {image}");
        child.resume();
    }
}

fn first_line(command: &mut Command) -> String {
    Child::start(command).line()
}

pub(crate) fn a_stale_or_planted_descriptor_is_an_error_and_is_not_read() {
    for number in ["0", "77", "nonsense"] {
        let place = format!("{KEY}_FD");
        let line = first_line(command("environment").env(place, number));
        let expected = "error: OPENCLAW_TEST_KEY_FD is set, but not by this program";
        assert!(line.starts_with(expected), "{number}: {line}");
    }
}

pub(crate) fn a_value_replaces_that_of_an_earlier_image() {
    let number = 0xE4B3;
    let place = format!("{KEY}_FD");
    let mut role = command("environment");
    let mut child = Child::start(role.env(place, "77").env(KEY, secret(number)));
    child.expect("taken");
    child.resume();
    child.expect(&format!("{:016x}", fnv(&secret(number))));
}

pub(crate) fn an_empty_variable_counts_as_unset() {
    let mut child = Child::start(command("environment").env(KEY, ""));
    child.expect("taken");
    assert!(environ(child.id()).contains(&format!("{KEY}=")));
    child.resume();
    child.expect(&format!("{:016x}", fnv("not set")));
}

pub(crate) fn a_value_too_long_is_an_error() {
    let line = first_line(command("environment").env(KEY, "x".repeat(5000)));
    assert_eq!(line, "error: OPENCLAW_TEST_KEY is longer than 4096 bytes");
}
