//! Compares output with a page, ignoring times, numbers and ids. `…` in a page matches anything on that line; `…` alone
//! matches any number of lines.

const UNITS: [&str; 11] = [
    "kB", "s", "min", "h", "day", "days", "m", "d", "MB", "MiB", "KiB",
];

/// True if the lines match.
pub(crate) fn alike(shown: &[String], printed: &str) -> bool {
    let printed: Vec<String> = printed.lines().map(plain).collect();
    let shown: Vec<String> = shown.iter().map(|line| plain(line)).collect();
    lines_alike(&shown, &printed)
}

fn lines_alike(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=printed.len()).any(|skipped| lines_alike(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, others)| line_alike(first, line) && lines_alike(rest, others)),
    }
}

fn line_alike(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// A line with its times, numbers and ids normalised.
fn plain(line: &str) -> String {
    let mut plain: Vec<String> = Vec::new();
    for word in line.trim_end().split(' ').map(word) {
        // `3 days ago` and `now` count as times, and so do `3h 12m` and `45s`.
        let before = plain.last().map(String::as_str);
        let is_second_word = match (before, word.trim_end_matches([',', '.'])) {
            (Some("0"), unit) => UNITS.contains(&unit),
            (Some("SOME"), "SOME" | "ago") | (Some("just"), "SOME") => true,
            _ => false,
        };
        if is_second_word {
            plain.pop();
            plain.push(format!("SOME{}", end(&word)));
        } else {
            plain.push(word);
        }
    }
    plain.join(" ")
}

fn word(word: &str) -> String {
    let bare = &word[..word.len() - end(word).len()];
    let all = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
    let span = bare.strip_suffix(['s', 'm', 'h', 'd']);
    let plain = if bare == "now" || span.is_some_and(|span| all(span, |b| b.is_ascii_digit())) {
        "SOME".to_owned()
    } else if bare.len() == 9 && is_code(bare) {
        "CODE".to_owned()
    } else if bare.len() > 15 && all(bare, |b| b.is_ascii_hexdigit()) {
        "ID".to_owned()
    } else if all(bare, |b| b.is_ascii_digit() || matches!(b, b'.' | b',')) {
        "0".to_owned()
    } else {
        let mut squeezed = String::with_capacity(bare.len());
        for c in bare.chars() {
            match c {
                '0'..='9' if squeezed.ends_with('0') => {}
                '0'..='9' => squeezed.push('0'),
                c => squeezed.push(c),
            }
        }
        squeezed
    };
    plain + end(word)
}

/// `ABCD-1234`, to type on a phone.
fn is_code(word: &str) -> bool {
    let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let mut bytes = word.bytes().enumerate();
    bytes.all(|(at, b)| if at == 4 { b == b'-' } else { letter(b) })
}

/// The trailing punctuation of a word.
fn end(word: &str) -> &str {
    &word[word.trim_end_matches([',', '.', ':']).len()..]
}

#[test]
fn values_that_differ_from_run_to_run_are_ignored() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (shown, printed) in [
        (
            "Uptime:      3h 12m, last frame 4 s ago",
            "Uptime:      0s, last frame just now",
        ),
        (
            "Sent: 3EB0AED0259314078352A1 (server ack)",
            "Sent: 3EB0FFFFFFFFFFFFFFFFFF (server ack)",
        ),
        (
            "head 18204, oldest 11077",
            "head 1795348812345, oldest 1795348812301",
        ),
        ("812 records, 0.4 MB", "9 records, 12.75 KiB"),
        ("{\"a\":1,…}", "{\"a\":22,\"b\":[]}"),
        ("one\n…\nfour", "one\ntwo\nthree\nfour"),
        ("…", ""),
    ] {
        assert!(alike(&lines(shown), printed), "{shown}: {printed}");
    }
    for (shown, printed) in [
        ("Connected: +1 555 XXX XXXX", "Connecting: +1 555 XXX XXXX"),
        ("one", "one\ntwo"),
        ("one\ntwo", "one"),
        ("one … three", "one two"),
        ("", "one"),
    ] {
        assert!(!alike(&lines(shown), printed), "{shown}: {printed}");
    }
}
