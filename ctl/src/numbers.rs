//! Phone numbers as a person sees them: enough to recognise one's own, not enough to tell another's.

/// `+1 555 XXX XXXX`: the calling code, the first digits, and an X for each of the rest, the last
/// four as a group. Text that is no number is masked whole.
pub(crate) fn masked(phone: &str) -> String {
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return "X".repeat(phone.chars().count().min(15));
    }
    let code = calling_code_length(digits).min(digits.len());
    let (code, national) = digits.split_at(code);
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

/// A JID as a person sees it: the number inside it masked. Groups of the old kind are named after
/// the number that made them: `NUMBER-TIME@g.us`. LIDs and newer groups tell no number.
pub(crate) fn masked_jid(jid: &str) -> String {
    let (user, server) = jid.split_once('@').unwrap_or((jid, ""));
    match server {
        "s.whatsapp.net" | "c.us" | "hosted" => masked(&format!(
            "+{}",
            user.split([':', '.']).next().unwrap_or(user)
        )),
        "g.us" => match user.split_once('-') {
            Some((number, made)) => format!("{}-{made}@g.us", masked(&format!("+{number}"))),
            None => jid.to_owned(),
        },
        "" => masked(user),
        _ => jid.to_owned(),
    }
}

/// How many digits the calling code has at the start of `digits` (ITU-T E.164, list of 2016).
fn calling_code_length(digits: &str) -> usize {
    const TWO_DIGITS: [&str; 44] = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46",
        "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63",
        "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    let starts = |code: &&str| digits.starts_with(*code);
    if ["1", "7"].iter().any(starts) {
        1
    } else if TWO_DIGITS.iter().any(starts) {
        2
    } else {
        3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_code_and_the_first_digits_stay() {
        for (phone, shown) in [
            ("+15550100001", "+1 555 XXX XXXX"),
            ("+64210000000", "+64 21 XXX XXXX"),
            ("+642100000000", "+64 21 XXXX XXXX"),
            ("+79000000000", "+7 90 XXXX XXXX"),
            ("+353800000000", "+353 80 XXX XXXX"),
            ("+980000000000", "+98 00 XXXX XXXX"),
            ("+15550100", "+1 555 XXXX"),
            ("+1555", "+1 555"),
            ("+1", "+1"),
        ] {
            assert_eq!(masked(phone), shown);
        }
    }

    #[test]
    fn what_is_no_number_is_hidden_whole() {
        assert_eq!(masked(""), "");
        assert_eq!(masked("+1555\x1b[2J"), "XXXXXXXXX");
    }

    #[test]
    fn a_jid_tells_no_number() {
        assert_eq!(masked_jid("15550100001@s.whatsapp.net"), "+1 555 XXX XXXX");
        assert_eq!(
            masked_jid("15550100001:3@s.whatsapp.net"),
            "+1 555 XXX XXXX"
        );
        assert_eq!(
            masked_jid("15550100001-1600000000@g.us"),
            "+1 555 XXX XXXX-1600000000@g.us"
        );
        assert_eq!(
            masked_jid("120363000000000001@g.us"),
            "120363000000000001@g.us"
        );
        assert_eq!(masked_jid("100000000000001@lid"), "100000000000001@lid");
    }
}
