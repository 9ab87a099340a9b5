//! What every reader of numbers must keep to: the corpus, and properties over made-up inputs from a fixed seed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use openclaw_types::{ChatId, Phone, Recipient, RecipientError, corpus, mask};

/// How many inputs each property is tried with.
const TRIES: usize = 50_000;

fn verdict(text: &str) -> Result<String, &'static str> {
    match text.parse::<Recipient>() {
        Ok(recipient) => Ok(recipient.address()),
        Err(error) => Err(error.name()),
    }
}

#[test]
fn each_odd_input_has_the_answer_of_the_corpus() {
    let mut wrong = Vec::new();
    for case in corpus::cases() {
        let given = verdict(&case.input).map_err(str::to_owned);
        if given != case.answer {
            wrong.push(format!(
                "line {}: {:?}, not {given:?}",
                case.line, case.answer
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_parsers_accept_the_same_numbers() {
    for case in corpus::cases() {
        let recipient = case.input.parse::<Recipient>();
        let chat = case.input.parse::<ChatId>();
        let phone = case.input.parse::<Phone>();
        match recipient {
            Ok(to @ Recipient::Phone(_)) => {
                assert_eq!(phone.map(|phone| phone.e164()), Ok(to.address()));
                assert_eq!(chat, Ok(ChatId::from(&to)));
            }
            Ok(to) => {
                assert_eq!(phone.unwrap_err().name(), "not_a_number");
                assert_eq!(chat, Ok(ChatId::from(&to)));
            }
            Err(error) => {
                let same = match error {
                    RecipientError::Phone(error) => error.name(),
                    _ => "not_a_number",
                };
                assert_eq!(phone.unwrap_err().name(), same, "line {}", case.line);
                let only_a_chat = matches!(error, RecipientError::Unsupported);
                assert!(chat.is_err() || only_a_chat, "line {}", case.line);
            }
        }
    }
}

/// A number that must be accepted, as people may write it.
fn written(random: &mut fastrand::Rng) -> (String, String) {
    const CODES: [&str; 12] = [
        "1", "7", "20", "33", "39", "44", "49", "86", "225", "353", "880", "998",
    ];
    const MARKS: [&str; 16] = [
        " ", "-", ".", "(", ")", "\u{a0}", "\u{2011}", "\u{2212}", "\u{200b}", "\u{202a}",
        "\u{202c}", "\u{feff}", "\u{2060}", "\u{ad}", "\u{2069}", "\u{3000}",
    ];
    let code = random.choice(CODES).unwrap();
    let mut number = format!("{code}{}", random.u8(2..=9));
    let more = match code {
        "1" | "7" => 9,
        _ => random.usize(6..=10),
    };
    for _ in 0..more {
        number.push(char::from(b'0' + random.u8(0..=9)));
    }
    number.truncate(15);
    let mut text = String::new();
    for c in format!("+{number}").chars() {
        while random.u8(0..4) == 0 {
            text.push_str(random.choice(MARKS).unwrap());
        }
        text.push(c);
    }
    (text, format!("+{number}"))
}

#[test]
fn separators_and_marks_never_change_a_number() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..TRIES {
        let (text, number) = written(&mut random);
        match text.parse::<Phone>() {
            Ok(phone) => assert_eq!(phone.e164(), number, "{text:?}"),
            // Only a zero that stands alone in parentheses is another matter.
            Err(error) => assert!(error.name() == "trunk_zero", "{text:?}: {error}"),
        }
    }
}

/// In lists of people they are dropped before a number is read.
#[test]
fn quotes_around_a_number_are_named_with_their_place() {
    for (text, said) in [
        (
            "\u{201c}+15550100123\u{201d}",
            "character 1 is `\u{201c}` (U+201C)",
        ),
        ("'+15550100123'", "character 1 is `'`"),
        (
            " \u{ab}+15550100123\u{bb}",
            "character 2 is `\u{ab}` (U+00AB)",
        ),
        ("15550100123\u{201d}", "a number begins with + "),
    ] {
        let error = text.parse::<Recipient>().unwrap_err().to_string();
        assert!(error.starts_with(said), "{text}: {error}");
    }
}

/// A number, an address or nothing, with anything that matters here put into it.
fn anything(random: &mut fastrand::Rng) -> String {
    const PARTS: [&str; 40] = [
        "+",
        "0",
        "1",
        "44",
        "555",
        "7700",
        "900123",
        "0100123",
        "(0)",
        "(",
        ")",
        " ",
        "-",
        ".",
        "/",
        "@",
        "lid",
        "g.us",
        "s.whatsapp.net",
        "c.us",
        ":3",
        "x",
        ";ext=",
        "tel:",
        "whatsapp:",
        "https://wa.me/",
        "whatsapp://send?phone=",
        "\u{200b}",
        "\u{202e}",
        "\u{a0}",
        "\u{665}",
        "\u{ff11}",
        "\u{ff0b}",
        "e",
        "é",
        "\n",
        "%2B",
        "?",
        "&",
        "📞",
    ];
    const ADDRESSES: [&str; 5] = [
        "",
        "15550100123@s.whatsapp.net",
        "100000000000001@lid",
        "15550100001-1600000000@g.us",
        "https://wa.me/15550100123",
    ];
    let mut text = match random.bool() {
        true => written(random).0,
        false => (*random.choice(&ADDRESSES).unwrap()).to_owned(),
    };
    for _ in 0..random.usize(0..4) {
        let places: Vec<usize> = (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .collect();
        text.insert_str(
            *random.choice(&places).unwrap(),
            random.choice(PARTS).unwrap(),
        );
    }
    text
}

#[test]
fn nothing_is_accepted_that_changes_its_meaning() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut accepted = 0;
    for _ in 0..TRIES * 4 {
        let text = anything(&mut random);
        let Ok(recipient) = text.parse::<Recipient>() else {
            continue;
        };
        accepted += 1;
        let address = recipient.address();
        // The digits are those that were given, in their order, and nothing else was a digit.
        let path = text
            .split(['?', '&'])
            .find(|part| part.contains(|c: char| c.is_ascii_digit()));
        let link = text.contains("wa.me") || text.contains("://send");
        let given = if link { path.unwrap() } else { &text };
        let digits = |text: &str| -> String {
            let text = text.replace("%2B", "");
            text.chars().filter(char::is_ascii_digit).collect()
        };
        assert_eq!(digits(&address), digits(given), "{text:?}");
        assert!(
            !given.contains(['\u{665}', '\u{ff11}', '\u{ff0b}', 'é']),
            "{text:?}"
        );
        // It is read back as who it is.
        assert_eq!(address.parse(), Ok(recipient.clone()), "{text:?}");
        assert_eq!(Recipient::of_address(&address), Some(recipient), "{text:?}");
    }
    assert!(accepted > 1_000, "{accepted}");
}

#[test]
fn an_error_never_repeats_the_number_and_a_mask_never_shows_it() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..TRIES {
        let text = anything(&mut random);
        if let Err(error) = text.parse::<Recipient>() {
            let said = error
                .to_string()
                .replace("+15550100123", "")
                .replace("15550100123", "");
            assert!(
                !said.contains("0100123") && !said.contains("900123"),
                "{said}"
            );
        }
        let masked = mask::text(&text);
        for word in masked.split(|c: char| !c.is_ascii_digit()) {
            // As a whole: a longer one may begin with the digits of another that has no plus sign.
            let mut after_plus = text.split('+').skip(1);
            let was = after_plus.any(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_digit());
                rest[..end.unwrap_or(rest.len())] == *word
            });
            assert!(!was || word.len() < 7, "{text:?}: {masked:?}");
        }
    }
}

#[test]
fn a_long_text_is_refused_and_costs_little() {
    for long in [
        "1".repeat(1 << 20),
        format!("+{}", "1".repeat(1 << 20)),
        "\u{200b}".repeat(1 << 18),
    ] {
        assert!(long.parse::<Recipient>().is_err());
    }
}
