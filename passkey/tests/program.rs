//! The program with requests that it refuses, before it asks anyone.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], options: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_openclaw-passkey"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = program.stdin.take().unwrap().write_all(options.as_bytes());
    program.wait_with_output().unwrap()
}

#[test]
fn an_invalid_request_is_refused_and_not_repeated() {
    for (arguments, options, error) in [
        (&[][..], "", "does not have the request options"),
        (
            &[],
            r#"{"rpId":"whatsapp.com","challenge":["AAAA"]}"#,
            "does not have the request options",
        ),
        (
            &[],
            r#"{"rpId":"example.org","challenge":"AAAA"}"#,
            "not for a passkey of whatsapp.com",
        ),
        (&["--help"], "", "usage: "),
    ] {
        let output = run(arguments, options);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options}: {stderr}");
        assert!(output.stdout.is_empty(), "{options}");
        assert!(stderr.contains(error), "{options}: {stderr}");
        assert!(!stderr.contains("AAAA"), "{options}: {stderr}");
    }
}
