//! Estimates whether a passphrase is strong enough. Anyone who has a sealed file can try passphrases without limit; a
//! rough estimate is enough to reject those that are tried first.
//!
//! It counts unpredictable characters: a common word, a sequence or a year counts as one, a repetition as none, a
//! digit after another digit as a half. It knows neither language nor grammar, so it accepts some bad passphrases,
//! but it rejects no good one.
//!
//! Template placeholders, the path of a passphrase file and short numbers are rejected whatever their count: they are
//! set by mistake, or are phone numbers.

/// The minimum, both in characters and in counted characters.
pub const MIN_CHARS: usize = 8;

/// Points are half characters, so that a digit can count as a half.
const POINTS_PER_CHAR: usize = 2;
/// The minimum length of a word or sequence to be recognised.
const MIN_SEQUENCE: usize = 4;

/// What people choose first, without the usual prefixes and suffixes.
const COMMON: [&str; 98] = [
    // Famous as the example of a good passphrase.
    "correct horse battery staple",
    "correcthorsebatterystaple",
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

/// Rows of keys on a keyboard, and other sequences.
const ROWS: [&str; 6] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
];

/// Why a passphrase should not be used to seal anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// All passphrases of its length can be tried.
    #[error("is shorter than {MIN_CHARS} characters")]
    Short,
    /// Passphrases like it are tried first.
    #[error("is easy to guess: common words, repetitions, sequences or few digits")]
    Guessable,
    /// A placeholder that was not replaced with the value.
    #[error("is a placeholder, not a passphrase")]
    Placeholder,
    /// The path of a file.
    #[error("is the path of a file, not a passphrase")]
    Path,
    /// Only digits and the separators of phone numbers and dates.
    #[error("is a number: phone numbers, dates and PINs are tried first")]
    Number,
}

/// Why a passphrase is weak, or `None`.
#[must_use]
pub(crate) fn weakness(passphrase: &str) -> Option<Weakness> {
    let chars: Vec<char> = passphrase.chars().flat_map(char::to_lowercase).collect();
    if passphrase.chars().count() < MIN_CHARS {
        return Some(Weakness::Short);
    }
    let text = passphrase.trim();
    if is_placeholder(text) {
        return Some(Weakness::Placeholder);
    }
    if is_path(text) {
        return Some(Weakness::Path);
    }
    if is_number(text) {
        return Some(Weakness::Number);
    }
    (count(&chars) < MIN_CHARS * POINTS_PER_CHAR).then_some(Weakness::Guessable)
}

/// `${NAME}`, `$NAME`, `$(command)`, `{{ expression }}`, `<your passphrase here>`, `%NAME%`. The whole text must
/// match, because a generator may produce any of these characters.
fn is_placeholder(text: &str) -> bool {
    let within = |open: &str, close: &str| {
        text.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
    };
    let is_name = |name: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.chars().all(word) && name.contains(|c: char| c.is_ascii_uppercase() || c == '_')
    };
    let is_prose = |words: &str| {
        words
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '_' | '.' | '…'))
    };
    let variable = text.strip_prefix('$').or_else(|| within("%", "%"));
    within("${", "}").is_some()
        || within("$(", ")").is_some()
        || within("{{", "}}").is_some()
        || within("`", "`").is_some()
        || variable.is_some_and(is_name)
        || within("<", ">").is_some_and(is_prose)
        || within("[", "]").is_some_and(is_prose)
}

/// A path under one of the usual system directories, or relative to the current one. Base64 may begin with a slash
/// too.
fn is_path(text: &str) -> bool {
    const ROOTS: [&str; 20] = [
        "/run/",
        "/var/",
        "/etc/",
        "/home/",
        "/root/",
        "/app/",
        "/tmp/",
        "/opt/",
        "/mnt/",
        "/srv/",
        "/usr/",
        "/data/",
        "/dev/",
        "/proc/",
        "/secrets/",
        "/vault/",
        "./",
        "../",
        "~/",
        "file:/",
    ];
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~' | ':');
    ROOTS.iter().any(|root| text.starts_with(root)) && text.chars().all(plain)
}

/// Fewer digits than a generator produces: the longest numbers that people have are card numbers, with 19.
fn is_number(text: &str) -> bool {
    let between = |c: char| matches!(c, '+' | ' ' | '-' | '.' | '/' | ':' | '(' | ')');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (1..=19).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || between(c))
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
                counted += POINTS_PER_CHAR;
                length
            }
            None => {
                counted += if in_number(chars, at) {
                    1
                } else {
                    POINTS_PER_CHAR
                };
                1
            }
        };
    }
    counted
}

/// True for a digit after another digit.
fn in_number(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| chars[before]);
    chars[at].is_ascii_digit() && before.is_some_and(|c| c.is_ascii_digit())
}

/// Undoes substitutions: `p4$$w0rd` becomes `password`.
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

/// The length of a keyboard row that the text follows from here, in either direction.
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

/// The length of the longest piece that is repeated immediately.
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
    fn commonly_guessed_passphrases_are_weak() {
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
            ("12345678", Weakness::Number),
            ("87654321", Weakness::Number),
            ("qwertyuiop", Weakness::Guessable),
            ("abcdefgh123", Weakness::Guessable),
            ("19991231", Weakness::Number),
            ("831947206518", Weakness::Number),
            ("Welcome2024!", Weakness::Guessable),
            ("openclaw-agent", Weakness::Guessable),
            ("changeme", Weakness::Guessable),
            ("        ", Weakness::Guessable),
            ("correct horse battery staple", Weakness::Guessable),
            ("CorrectHorseBatteryStaple", Weakness::Guessable),
        ] {
            assert_eq!(weakness(passphrase), Some(weakness_of_it), "{passphrase}");
        }
    }

    #[test]
    fn a_placeholder_is_not_a_passphrase() {
        for placeholder in [
            "${AUTH_PASSPHRASE}",
            "${AUTH_PASSPHRASE:-changeme}",
            "$AUTH_PASSPHRASE",
            "$(cat /run/secrets/passphrase)",
            "`cat passphrase`",
            "{{ vault.passphrase }}",
            "{{secrets.OPENCLAW_AUTH_PASSPHRASE}}",
            "<your passphrase here>",
            "[insert-passphrase]",
            "%AUTH_PASSPHRASE%",
        ] {
            let found = weakness(placeholder);
            assert_eq!(found, Some(Weakness::Placeholder), "{placeholder}");
        }
        for path in [
            "/run/secrets/passphrase",
            "/etc/openclaw/words.txt",
            "./passphrase.txt",
            "~/.openclaw/passphrase",
            "file:///run/secrets/passphrase",
        ] {
            assert_eq!(weakness(path), Some(Weakness::Path), "{path}");
        }
        for number in [
            "+15550100002",
            "+44 7700 900123",
            "2026-11-29",
            "8319472065183042",
            "(555) 010-0123",
        ] {
            assert_eq!(weakness(number), Some(Weakness::Number), "{number}");
        }
    }

    #[test]
    fn several_words_and_generated_passphrases_are_accepted() {
        for passphrase in [
            "correct horse",
            "some fine words",
            "another phrase",
            "four grey cormorants dive",
            "kT9#vQ2m",
            "xkqzwvbn",
            "83194720651830427719",
            "<k3T9#vQ2m>",
            "$2y$10$kT9#vQ2m",
            "/kT9/vQ2mXw0",
            "price is $HOME",
            "a/run/b/etc/c",
            "gestern regnete es",
            "四本の灰色の鵜が潜る",
        ] {
            assert_eq!(weakness(passphrase), None, "{passphrase}");
        }
    }

    #[test]
    fn every_prefix_gets_a_verdict_without_a_panic() {
        let odd = "\u{feff}\0ß👩‍👩‍👧ǅ İ\n\"";
        for (at, _) in odd.char_indices() {
            let _ = weakness(&odd.repeat(9)[at..]);
        }
    }
}
