//! Masks phone numbers for logs: the owner can recognise a number, others cannot learn it.

use crate::phone::code_length;

/// `+1 555 XXX XXXX`: the country code, the first digits, and an X for each further digit, the last four as a group.
/// The leading plus sign is optional. Text that is not a number is masked entirely.
#[must_use]
pub fn number(phone: &str) -> String {
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return "X".repeat(phone.chars().count().min(15));
    }
    let (code, national) = digits.split_at(code_length(digits).min(digits.len()));
    let open = if code == "1" { 3 } else { 2 };
    let (open, hidden) = national.split_at(open.min(national.len()));
    let mut shown = format!("+{code}");
    for group in [
        open.to_owned(),
        "X".repeat(hidden.len().saturating_sub(4)),
        "X".repeat(hidden.len().min(4)),
    ] {
        if !group.is_empty() {
            shown.push(' ');
            shown.push_str(&group);
        }
    }
    shown
}

/// A JID with its phone number masked. Groups of the old kind contain the number of their creator: `NUMBER-TIME@g.us`.
/// LIDs and newer groups contain no number.
#[must_use]
pub fn jid(jid: &str) -> String {
    let (user, server) = jid.split_once('@').unwrap_or((jid, ""));
    match server {
        "s.whatsapp.net" | "c.us" | "hosted" => {
            number(user.split([':', '.']).next().unwrap_or(user))
        }
        "g.us" => match user.split_once('-') {
            Some((maker, made)) => format!("{}-{made}@g.us", number(maker)),
            None => jid.to_owned(),
        },
        "" => number(user),
        _ => jid.to_owned(),
    }
}

/// A text with every phone number masked: `+15550100123`, and JIDs that contain one.
#[must_use]
pub fn text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|c: char| !c.is_ascii_digit());
        let (run, after) = run.split_at(end.unwrap_or(run.len()));
        rest = after;
        let plus = before.strip_suffix('+');
        let server = server(after);
        if run.len() >= 7 && (plus.is_some() || server.is_some()) {
            masked.push_str(plus.unwrap_or(before));
            masked.push_str(&number(run));
            rest = server.unwrap_or(after);
        } else {
            masked.push_str(before);
            masked.push_str(run);
        }
    }
    masked + rest
}

/// The rest of a number's JID, after its digits. For an old group it includes the time.
fn server(after: &str) -> Option<&str> {
    let digits = |c: char| c.is_ascii_digit();
    if let Some(made) = after.strip_prefix('-') {
        return made
            .trim_start_matches(digits)
            .starts_with("@g.us")
            .then_some(after);
    }
    let server = after.trim_start_matches(|c: char| digits(c) || matches!(c, ':' | '.'));
    let servers = ["@s.whatsapp.net", "@c.us", "@hosted"];
    servers.iter().find_map(|name| server.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_code_and_the_first_digits_stay() {
        for (phone, shown) in [
            ("+15550100001", "+1 555 XXX XXXX"),
            ("15550100001", "+1 555 XXX XXXX"),
            ("+64210000000", "+64 21 XXX XXXX"),
            ("+642100000000", "+64 21 XXXX XXXX"),
            ("+79000000000", "+7 90 XXXX XXXX"),
            ("+353800000000", "+353 80 XXX XXXX"),
            ("+980000000000", "+98 00 XXXX XXXX"),
            ("+15550100", "+1 555 XXXX"),
            ("+1555", "+1 555"),
            ("+1", "+1"),
        ] {
            assert_eq!(number(phone), shown);
        }
    }

    #[test]
    fn text_that_is_not_a_number_is_hidden_whole() {
        assert_eq!(number(""), "");
        assert_eq!(number("+1555\x1b[2J"), "XXXXXXXXX");
    }

    #[test]
    fn a_jid_contains_no_whole_number() {
        assert_eq!(jid("15550100001@s.whatsapp.net"), "+1 555 XXX XXXX");
        assert_eq!(jid("15550100001:3@s.whatsapp.net"), "+1 555 XXX XXXX");
        assert_eq!(
            jid("15550100001-1600000000@g.us"),
            "+1 555 XXX XXXX-1600000000@g.us"
        );
        assert_eq!(jid("120363000000000001@g.us"), "120363000000000001@g.us");
        assert_eq!(jid("100000000000001@lid"), "100000000000001@lid");
    }

    #[test]
    fn every_number_in_a_text_is_masked() {
        assert_eq!(
            text("+15550100001: not on WhatsApp. Ask +64210000000."),
            "+1 555 XXX XXXX: not on WhatsApp. Ask +64 21 XXX XXXX."
        );
        assert_eq!(
            text("(15550100001@s.whatsapp.net, 100000000000001@lid) after 15 min, +12 %"),
            "(+1 555 XXX XXXX, 100000000000001@lid) after 15 min, +12 %"
        );
        assert_eq!(
            text(
                "15550100001-1600000000@g.us; \u{1f4de}+15550100001@x 15550100001:3@s.whatsapp.net"
            ),
            "+1 555 XXX XXXX-1600000000@g.us; \u{1f4de}+1 555 XXX XXXX@x +1 555 XXX XXXX"
        );
    }
}
