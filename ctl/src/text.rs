//! Makes text from the network safe to print: it cannot move the cursor, set the title, ring the bell, or reorder the
//! text around it.

/// `text` on one line, with all control characters escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_unsafe(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and bidirectional controls.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// Wraps `text` to lines of at most `width` characters where possible, at spaces outside backquotes, so that a command
/// can be copied.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in unbroken(text) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            lines.push(String::new());
            column = 0;
        }
        let Some(line) = lines.last_mut() else { break };
        if column > 0 {
            line.push(' ');
            column += 1;
        }
        line.push_str(&word);
        column += length;
    }
    lines
}

/// The words of `text`; a backquoted part counts as one word.
fn unbroken(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in text.split_whitespace() {
        match words.last_mut().filter(|_| quoted) {
            Some(command) => {
                command.push(' ');
                command.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let hostile = "a\x1b]0;title\x07b\u{9b}2Jc\u{202e}d\r\n\x7f\0\u{feff}";
        let shown = one_line(hostile);
        assert_eq!(
            shown,
            "a\\u{1b}]0;title\\u{7}b\\u{9b}2Jc\\u{202e}d\\r\\n\\u{7f}\\u{0}\\u{feff}"
        );
    }

    #[test]
    fn letters_of_every_script_and_emoji_are_kept() {
        let text = "Kia ora, मनीष, 你好 👩‍👩‍👧";
        assert_eq!(one_line(text), text);
    }

    #[test]
    fn wrapped_lines_fit() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("run `a b c`, then", 8), ["run", "`a b c`,", "then"]);
    }
}
