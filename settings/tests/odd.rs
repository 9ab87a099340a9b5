//! The edge cases of `odd.toml`, and properties of all settings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use openclaw_settings::{Flaw, FreeText, free_text, value, variable_in};
use serde::Deserialize;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    setting: Vec<Odd>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Odd {
    why: String,
    given: Option<String>,
    hex: Option<String>,
    value: String,
    text: String,
    opens: Option<String>,
}

impl Odd {
    fn bytes(&self) -> Vec<u8> {
        match (&self.given, &self.hex) {
            (Some(given), None) => given.clone().into_bytes(),
            (None, Some(hex)) => (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect(),
            _ => panic!("{}: either given or hex", self.why),
        }
    }
}

fn corpus() -> Vec<Odd> {
    let file: File = toml::from_str(include_str!("odd.toml")).unwrap();
    file.setting
}

/// The result in the notation of the file.
fn written(read: Result<Option<&str>, Flaw>) -> String {
    match read {
        Ok(text) => text.unwrap_or_default().to_owned(),
        Err(flaw) => format!("!{flaw:?}"),
    }
}

#[test]
fn every_odd_setting_is_read_as_listed() {
    let corpus = corpus();
    assert!(corpus.len() > 30);
    for odd in corpus {
        let given = odd.bytes();
        assert_eq!(written(value(&given)), odd.value, "{}: as a value", odd.why);
        let text = free_text(&given);
        let new = text.and_then(|text| text.map(FreeText::without_flaw).transpose());
        assert_eq!(written(new), odd.text, "{}: as free text", odd.why);
        let opens = text.ok().flatten().map(FreeText::as_given);
        let expected = odd.opens.as_deref().or(Some(odd.text.as_str()));
        let expected = expected.filter(|text| !text.is_empty() && !text.starts_with("!NotText"));
        assert_eq!(opens, expected, "{}: to open with", odd.why);
    }
}

#[test]
fn a_variable_is_read_as_a_value_and_a_flaw_names_it() {
    for odd in corpus() {
        let environment =
            |name: &str| (name == "OPENCLAW_X").then(|| OsString::from_vec(odd.bytes()));
        let read = variable_in("OPENCLAW_X", &environment);
        assert_eq!(variable_in("OPENCLAW_Y", &environment), Ok(None));
        match (read, odd.value.strip_prefix('!')) {
            (Ok(read), None) => assert_eq!(read.unwrap_or_default(), odd.value, "{}", odd.why),
            (Err(refused), Some(flaw)) => {
                assert_eq!(format!("{:?}", refused.flaw), flaw, "{}", odd.why);
                assert!(refused.to_string().starts_with("OPENCLAW_X "), "{refused}");
            }
            (read, _) => panic!("{}: {read:?}", odd.why),
        }
    }
}

/// A random text of fragments that are likely to interact badly.
fn chance(random: &mut fastrand::Rng) -> Vec<u8> {
    const PIECES: [&[u8]; 20] = [
        b"\"",
        b"'",
        b"`",
        b" ",
        b"\n",
        b"\r",
        b"\t",
        b"\0",
        "\u{feff}".as_bytes(),
        "\u{a0}".as_bytes(),
        "\u{201c}".as_bytes(),
        "\u{201d}".as_bytes(),
        "\u{200b}".as_bytes(),
        b"\xff",
        b"\xa0",
        b"a",
        b"key",
        b"+1555",
        b"$X",
        "\u{e9}".as_bytes(),
    ];
    let mut given = Vec::new();
    for _ in 0..random.usize(0..8) {
        given.extend_from_slice(PIECES[random.usize(0..PIECES.len())]);
    }
    given
}

#[test]
fn a_value_reads_the_same_in_every_wrapping_or_is_refused() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..200_000 {
        let given = chance(&mut random);
        let Ok(read) = value(&given) else { continue };
        // The result is part of the input, has no wrapping left, and reading it again does not change it.
        if let Some(read) = read {
            assert!(!read.is_empty() && !read.chars().any(char::is_control));
            let given = std::str::from_utf8(&given).unwrap();
            assert!(given.contains(read), "{given:?}");
            assert_eq!(value(read.as_bytes()), Ok(Some(read)), "{given:?}");
        }
        for wrapped in [
            [b"\"", &given[..], b"\""].concat(),
            [b"'", &given[..], b"'"].concat(),
            [b" ", &given[..], b"\r\n"].concat(),
            ["\u{feff}".as_bytes(), &given[..]].concat(),
        ] {
            assert_eq!(value(&wrapped), Ok(read), "{given:?}");
        }
    }
}

#[test]
fn a_free_text_is_unchanged_except_for_one_line_end() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..200_000 {
        let given = chance(&mut random);
        let Ok(Some(text)) = free_text(&given) else {
            // Not set, or not readable.
            assert!(!matches!(value(&given), Ok(Some(_))), "{given:?}");
            continue;
        };
        let whole = std::str::from_utf8(&given).unwrap();
        let ends = ["", "\n", "\r\n", "\r"];
        let rest = whole.strip_prefix(text.as_given()).unwrap();
        assert!(ends.contains(&rest), "{given:?}");
        // A text that is accepted for something new is unambiguous: it reads the same as a value.
        if let (Ok(new), Ok(Some(value))) = (text.without_flaw(), value(&given)) {
            assert_eq!(new, value, "{given:?}");
        }
    }
}
