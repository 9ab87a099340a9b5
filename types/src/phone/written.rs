//! Phone numbers as people write, copy and paste them: with separators, invisible characters, and links around them.
//!
//! Only characters that cannot change the number are dropped: invisible ones, and separators between groups of digits.
//! A slash is not a separator, because it may also stand between two numbers.

use super::{Phone, PhoneError};
use crate::text::is_blank;

/// A character, and its position in the input, from 1.
type Placed = (usize, char);

/// Invisible characters that are copied along with a number. White space and control characters do not count: a line
/// end may stand between two numbers.
pub(crate) fn is_invisible(c: char) -> bool {
    is_blank(c) && !c.is_whitespace() && !c.is_control()
}

/// Separators between groups of digits: spaces of any width, hyphens of any script, dots and parentheses.
fn is_separator(c: char) -> bool {
    let space = c == ' ' || !c.is_ascii() && c.is_whitespace() && !is_line_end(c);
    space
        || matches!(
            c,
            '-' | '.' | '(' | ')' | '\u{2010}'
                ..='\u{2015}'
                    | '\u{2043}'
                    | '\u{2212}'
                    | '\u{fe58}'
                    | '\u{fe63}'
                    | '\u{ff0d}'
                    | '\u{ff08}'
                    | '\u{ff09}'
        )
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The text without invisible characters, trimmed.
pub(crate) fn without_marks(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().to_owned()
}

/// The number in a link, if the text is a link.
pub(crate) fn in_link_text(text: &str) -> Option<Result<Phone, PhoneError>> {
    let seen = seen(text);
    match in_link(trimmed(&seen)) {
        Ok(None) => None,
        // WhatsApp's own links contain the number without a plus sign.
        Ok(Some(number)) => {
            Some(digits(&number, false).and_then(|digits| Phone::of_country(&digits)))
        }
        Err(error) => Some(Err(error)),
    }
}

fn seen(text: &str) -> Vec<Placed> {
    let placed = text.chars().zip(1..).map(|(c, at)| (at, c));
    placed.filter(|(_, c)| !is_invisible(*c)).collect()
}

/// Parses a number, but neither a link nor a JID.
pub(crate) fn read(text: &str) -> Result<Phone, PhoneError> {
    let seen = seen(text);
    let seen = trimmed(&seen);
    if seen.is_empty() {
        return Err(PhoneError::Empty);
    }
    let schemes = ["tel:", "whatsapp:"];
    let number = schemes.iter().find_map(|scheme| after(seen, scheme));
    Phone::of_country(&digits(trimmed(number.unwrap_or(seen)), true)?)
}

fn trimmed(mut chars: &[Placed]) -> &[Placed] {
    while let [(_, c), rest @ ..] = chars
        && c.is_whitespace()
    {
        chars = rest;
    }
    while let [rest @ .., (_, c)] = chars
        && c.is_whitespace()
    {
        chars = rest;
    }
    chars
}

/// The rest after `prefix`, which must be in lower case; the comparison ignores case.
fn after<'a>(chars: &'a [Placed], prefix: &str) -> Option<&'a [Placed]> {
    let length = prefix.len();
    let start = chars.get(..length)?.iter().map(|(_, c)| *c);
    let same = start
        .zip(prefix.chars())
        .all(|(a, b)| a.eq_ignore_ascii_case(&b));
    same.then(|| &chars[length..])
}

/// The number in a WhatsApp link: `https://wa.me/NUMBER`, `https://api.whatsapp.com/send?phone=NUMBER`,
/// `whatsapp://send?phone=NUMBER`. Other parameters, like a prefilled text, are ignored.
fn in_link(chars: &[Placed]) -> Result<Option<Vec<Placed>>, PhoneError> {
    let https = after(chars, "https://").or_else(|| after(chars, "http://"));
    let rest = https.unwrap_or(chars);
    let rest = after(rest, "www.").unwrap_or(rest);
    if let Some(path) = after(rest, "wa.me/") {
        let end = path.iter().position(|(_, c)| matches!(c, '?' | '#'));
        let path = &path[..end.unwrap_or(path.len())];
        let path = match path {
            [path @ .., (_, '/')] => path,
            path => path,
        };
        // wa.me/message/CODE, wa.me/c/NUMBER and similar links do not refer to a chat.
        if path.iter().any(|(_, c)| *c == '/') {
            return Err(PhoneError::Link);
        }
        return decoded(path).map(Some);
    }
    let hosts = ["api.whatsapp.com/send", "web.whatsapp.com/send"];
    let send = hosts.iter().find_map(|host| after(rest, host));
    let send = send.or_else(|| after(chars, "whatsapp://send"));
    let Some(send) = send else {
        let link = https.is_some() || after(chars, "whatsapp://").is_some();
        return if link {
            Err(PhoneError::Link)
        } else {
            Ok(None)
        };
    };
    let query = after(send, "/?").or_else(|| after(send, "?"));
    let query = query.ok_or(PhoneError::Link)?;
    let mut phones = query
        .split(|(_, c)| matches!(c, '&' | '#'))
        .filter_map(|parameter| after(parameter, "phone="));
    match (phones.next(), phones.next()) {
        (Some(phone), None) => decoded(phone).map(Some),
        _ => Err(PhoneError::Link),
    }
}

/// Percent-decodes. Only ASCII is accepted, because nothing else can be part of a number here.
fn decoded(chars: &[Placed]) -> Result<Vec<Placed>, PhoneError> {
    let mut plain = Vec::with_capacity(chars.len());
    let mut rest = chars;
    while let [(at, c), tail @ ..] = rest {
        rest = tail;
        let mut found = *c;
        if found == '%' {
            let [(_, high), (_, low), tail @ ..] = tail else {
                return Err(PhoneError::Link);
            };
            rest = tail;
            let hex = high.to_digit(16).zip(low.to_digit(16));
            let byte = hex.map(|(high, low)| 16 * high + low);
            let ascii = byte.filter(|byte| *byte < 0x80).and_then(char::from_u32);
            found = ascii.ok_or(PhoneError::Link)?;
        }
        plain.push((*at, found));
    }
    let any = plain.iter().any(|(_, c)| c.is_numeric());
    if any {
        Ok(plain)
    } else {
        Err(PhoneError::Link)
    }
}

/// The digits only. With `plus` they must be preceded by a plus sign.
fn digits(chars: &[Placed], plus: bool) -> Result<String, PhoneError> {
    let start = chars.iter().position(|(_, c)| !is_separator(*c));
    let chars = &chars[start.unwrap_or(chars.len())..];
    let number = match chars {
        [(_, '+'), number @ ..] => number,
        [(at, c), ..] if is_other_plus(*c) => {
            return Err(PhoneError::OtherPlus { found: *c, at: *at });
        }
        [(at, c), ..] if !c.is_ascii() && c.is_numeric() => {
            return Err(PhoneError::OtherDigit { found: *c, at: *at });
        }
        // Without a plus sign, only text that begins with a digit is treated as a number.
        [(at, c), ..] if !c.is_alphanumeric() => {
            return Err(PhoneError::Character { found: *c, at: *at });
        }
        [(_, '0'), (_, '0'), ..] => return Err(PhoneError::DoubleZero),
        _ if plus => return Err(PhoneError::NoPlus),
        number => number,
    };
    let mut digits = String::with_capacity(number.len());
    let mut rest = number;
    while let [(at, c), tail @ ..] = rest {
        let (at, found) = (*at, *c);
        match found {
            '0'..='9' => digits.push(found),
            '(' | '\u{ff08}' if is_lone_zero(tail) => return Err(PhoneError::TrunkZero),
            c if is_separator(c) => {}
            '+' => return Err(PhoneError::SecondPlus { at }),
            c if is_other_plus(c) => return Err(PhoneError::OtherPlus { found, at }),
            _ if is_extension(rest) => return Err(PhoneError::Extension { at }),
            c if c.is_numeric() => return Err(PhoneError::OtherDigit { found, at }),
            c if c.is_alphabetic() => return Err(PhoneError::Letter { found, at }),
            _ => return Err(PhoneError::Character { found, at }),
        }
        rest = tail;
    }
    Ok(digits)
}

const fn is_other_plus(c: char) -> bool {
    matches!(
        c,
        '\u{ff0b}' | '\u{fe62}' | '\u{207a}' | '\u{208a}' | '\u{2795}'
    )
}

/// Matches `0)`, after an opening parenthesis.
fn is_lone_zero(chars: &[Placed]) -> bool {
    let mut inside = chars.iter().map(|(_, c)| *c).filter(|c| !c.is_whitespace());
    inside.next() == Some('0') && matches!(inside.next(), Some(')' | '\u{ff09}'))
}

/// Matches `;ext=1`, `ext. 1`, `x1`, `,1` and `#1`.
fn is_extension(chars: &[Placed]) -> bool {
    if chars
        .iter()
        .take(1)
        .any(|(_, c)| matches!(c, ';' | ',' | '#'))
        || after(chars, "ext").is_some()
    {
        return true;
    }
    let number = after(chars, "x").and_then(|rest| rest.iter().find(|(_, c)| !is_separator(*c)));
    number.is_some_and(|(_, c)| c.is_ascii_digit())
}
