//! `corpus/numbers.tsv`: inputs and expected results, for the tests of everything that parses numbers.

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The input.
    pub input: String,
    /// The resulting address, or the name of the error.
    pub answer: Result<String, String>,
    /// The line number in the file, from 1.
    pub line: usize,
}

/// All cases, in file order.
///
/// # Panics
/// A line is malformed.
#[must_use]
pub fn cases() -> Vec<Case> {
    let lines = include_str!("../corpus/numbers.tsv").lines().zip(1..);
    lines
        .filter(|(line, _)| !line.starts_with('#'))
        .map(|(text, line)| {
            let (input, answer) = text
                .rsplit_once('\t')
                .unwrap_or_else(|| panic!("numbers.tsv:{line}: no tab"));
            let answer = match answer.strip_prefix('!') {
                Some(error) => Err(error.to_owned()),
                None => Ok(answer.to_owned()),
            };
            let input =
                unescaped(input).unwrap_or_else(|| panic!("numbers.tsv:{line}: an unknown escape"));
            Case {
                input,
                answer,
                line,
            }
        })
        .collect()
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('\\');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (c, rest) = if let Some(rest) = part.strip_prefix('n') {
            ('\n', rest)
        } else if let Some(rest) = part.strip_prefix('t') {
            ('\t', rest)
        } else {
            let (code, rest) = part.strip_prefix("u{")?.split_once('}')?;
            let code = u32::from_str_radix(code, 16).ok()?;
            (char::from_u32(code)?, rest)
        };
        plain.push(c);
        plain.push_str(rest);
    }
    Some(plain)
}
