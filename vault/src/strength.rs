//! Whether a passphrase is worth its stretching. Who has a sealed file can try passphrases for as long as they like; a
//! rough measure is enough to refuse those that come first.
//!
//! What is counted is characters that are not foreseen: a common word, a sequence or a year counts as one, a repetition as
//! none, a digit behind another as a half. It sees neither language nor grammar, so it takes bad passphrases; it refuses no good one.

/// The least, in characters and in what they count.
pub const MIN_CHARS: usize = 8;

/// Half a character, so that digits can count as less.
const CHAR: usize = 2;
/// How long a word, a sequence, must be to be known as one.
const MIN_SEQUENCE: usize = 4;

/// What people choose first, without what is usually put in front of it and behind it.
const COMMON: [&str; 96] = [
    "password",
    "passwort",
    "passphrase",
    "passw",
    "passwd",
    "pass",
    "secret",
    "letmein",
    "welcome",
    "admin",
    "administrator",
    "root",
    "toor",
    "user",
    "login",
    "master",
    "changeme",
    "change",
    "default",
    "guest",
    "test",
    "testing",
    "example",
    "sample",
    "demo",
    "temp",
    "openclaw",
    "whatsapp",
    "agent",
    "backup",
    "vault",
    "store",
    "key",
    "iloveyou",
    "love",
    "monkey",
    "dragon",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "batman",
    "shadow",
    "michael",
    "jordan",
    "hunter",
    "hello",
    "freedom",
    "whatever",
    "trustno",
    "starwars",
    "computer",
    "internet",
    "summer",
    "winter",
    "spring",
    "autumn",
    "monday",
    "friday",
    "january",
    "december",
    "london",
    "google",
    "facebook",
    "azerty",
    "qwertz",
    "qwerty",
    "asdf",
    "zxcv",
    "qazwsx",
    "abc",
    "money",
    "cheese",
    "cookie",
    "pepper",
    "charlie",
    "thomas",
    "killer",
    "soccer",
    "hockey",
    "ranger",
    "harley",
    "buster",
    "jennifer",
    "access",
    "flower",
    "lovely",
    "ninja",
    "azure",
    "mustang",
    "donald",
    "server",
    "system",
    "foobar",
    "bailey",
];

/// Rows that fingers run along.
const ROWS: [&str; 6] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
];

/// Why a passphrase should seal nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Every one of its length can be tried.
    #[error("is shorter than {MIN_CHARS} characters")]
    Short,
    /// Its like is tried first.
    #[error("is easy to guess: it is made of common words, repetitions, sequences or few digits")]
    Guessable,
}

/// What is weak about a passphrase, if anything.
#[must_use]
pub(crate) fn weakness(passphrase: &str) -> Option<Weakness> {
    let chars: Vec<char> = passphrase.chars().flat_map(char::to_lowercase).collect();
    if passphrase.chars().count() < MIN_CHARS {
        return Some(Weakness::Short);
    }
    (count(&chars) < MIN_CHARS * CHAR).then_some(Weakness::Guessable)
}

fn count(chars: &[char]) -> usize {
    let plain: Vec<char> = chars.iter().map(|c| letter(*c)).collect();
    let (mut at, mut counted) = (0, 0);
    while at < chars.len() {
        if let Some(length) = repeated(chars, at) {
            at += length;
            continue;
        }
        let foreseen = word(&chars[at..])
            .max(word(&plain[at..]))
            .max(sequence(&chars[at..]));
        at += match foreseen {
            Some(length) => {
                counted += CHAR;
                length
            }
            None => {
                counted += if in_number(chars, at) { 1 } else { CHAR };
                1
            }
        };
    }
    counted
}

/// Whether this is a digit that stands behind another.
fn in_number(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| chars[before]);
    chars[at].is_ascii_digit() && before.is_some_and(|c| c.is_ascii_digit())
}

/// `p4$$w0rd` is a `password`.
const fn letter(c: char) -> char {
    match c {
        '4' | '@' => 'a',
        '3' => 'e',
        '1' | '!' | '|' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        other => other,
    }
}

fn word(rest: &[char]) -> Option<usize> {
    let begins = |word: &&&str| {
        let length = word.len();
        length <= rest.len() && word.chars().eq(rest[..length].iter().copied())
    };
    COMMON.iter().filter(begins).map(|word| word.len()).max()
}

/// How far a row is followed from here, in either direction.
fn sequence(rest: &[char]) -> Option<usize> {
    let follows = |row: &mut dyn Iterator<Item = char>| {
        let mut row = row.skip_while(|c| *c != rest[0]);
        rest.iter().take_while(|c| row.next() == Some(**c)).count()
    };
    let along = ROWS
        .iter()
        .flat_map(|row| [follows(&mut row.chars()), follows(&mut row.chars().rev())]);
    along.max().filter(|length| *length >= MIN_SEQUENCE)
}

/// The longest piece that stands here a second time, right behind the first.
fn repeated(chars: &[char], at: usize) -> Option<usize> {
    let most = at.min(chars.len() - at);
    (1..=most)
        .rev()
        .find(|length| chars[at - length..at] == chars[at..at + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_weak() {
        for (passphrase, weakness_of_it) in [
            ("x", Weakness::Short),
            ("a", Weakness::Short),
            ("hunter2", Weakness::Short),
            ("äöüäöü", Weakness::Short),
            ("password", Weakness::Guessable),
            ("Password1!", Weakness::Guessable),
            ("P@$$w0rd2024", Weakness::Guessable),
            ("passwordpassword", Weakness::Guessable),
            ("password password password", Weakness::Guessable),
            ("aaaaaaaaaaaaaaaaaaaa", Weakness::Guessable),
            ("abababababababab", Weakness::Guessable),
            ("xyzxyzxyzxyz", Weakness::Guessable),
            ("12345678", Weakness::Guessable),
            ("87654321", Weakness::Guessable),
            ("qwertyuiop", Weakness::Guessable),
            ("abcdefgh123", Weakness::Guessable),
            ("19991231", Weakness::Guessable),
            ("831947206518", Weakness::Guessable),
            ("Welcome2024!", Weakness::Guessable),
            ("openclaw-agent", Weakness::Guessable),
            ("changeme", Weakness::Guessable),
            ("        ", Weakness::Guessable),
        ] {
            assert_eq!(weakness(passphrase), Some(weakness_of_it), "{passphrase}");
        }
    }

    #[test]
    fn words_and_what_a_generator_makes_are_taken() {
        for passphrase in [
            "correct horse",
            "some fine words",
            "another phrase",
            "four grey cormorants dive",
            "kT9#vQ2m",
            "xkqzwvbn",
            "8319472065183042",
            "gestern regnete es",
            "四本の灰色の鵜が潜る",
        ] {
            assert_eq!(weakness(passphrase), None, "{passphrase}");
        }
    }

    #[test]
    fn every_prefix_of_anything_is_judged() {
        let odd = "\u{feff}\0ß👩‍👩‍👧ǅ İ\n\"";
        for (at, _) in odd.char_indices() {
            let _ = weakness(&odd.repeat(9)[at..]);
        }
    }
}
