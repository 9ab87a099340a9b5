//! The text of an outgoing message: visible, and within WhatsApp's limits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum length of a text in characters (Unicode code points, not bytes or UTF-16 units). WhatsApp Web counts in
/// the same way: its message box has `maxLength: MAX_TXT_MSG_SIZE`, which is 65536, and `WAWebCharacterLimitPlugin`
/// compares it with the text's `numCodepoints`.
pub const MAX_TEXT_CHARS: usize = 65_536;

/// A text that may be sent: it has a visible character, is not too long, and contains no NUL.
///
/// Stored text is accepted unchanged, as by [`Text::kept`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

/// Why a text cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Empty.
    #[error("the text is empty")]
    Empty,
    /// Only white space and invisible characters: the recipient would see an empty bubble.
    #[error(
        "the text is empty: it has {chars} character{}, and none of them shows anything",
        if *chars == 1 { "" } else { "s" }
    )]
    Invisible {
        /// The number of characters.
        chars: usize,
    },
    /// Longer than the limit.
    #[error("the text has {chars} characters, and a message has at most {MAX_TEXT_CHARS}")]
    TooLong {
        /// The number of characters.
        chars: usize,
    },
    /// A NUL character, which no client shows.
    #[error("the text contains a NUL character")]
    Nul,
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From disk: a text that this or an older version accepted.
    #[must_use]
    pub fn kept(text: String) -> Self {
        Self(text)
    }
}

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        let chars = text.chars().count();
        if chars == 0 {
            return Err(TextError::Empty);
        }
        if chars > MAX_TEXT_CHARS {
            return Err(TextError::TooLong { chars });
        }
        if text.contains('\0') {
            return Err(TextError::Nul);
        }
        if text.chars().all(is_blank) {
            return Err(TextError::Invisible { chars });
        }
        Ok(Self(text))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// White space, control characters, what Unicode lists as `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt,
/// 16.0), and the few other characters that are blank in every font. A combining mark alone is visible, and so is a
/// part of an emoji.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                // Braille pattern blank.
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                // Interlinear annotation marks, preceded by unassigned ignorable code points.
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                // Musical symbol null notehead.
                | '\u{1d159}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), TextError> {
        Text::try_from(text.to_owned()).map(|_| ())
    }

    #[test]
    fn a_text_without_visible_characters_is_empty() {
        assert_eq!(checked(""), Err(TextError::Empty));
        for nothing in [
            " \n",
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{ad}",
            "\u{feff}\u{200d}",
            "\u{fe0f}",
            "\u{1160}\u{115f}",
            "\u{202e}\u{2066}\u{2069}",
            "\u{e0020}\u{e007f}",
            "\u{1d159}",
            "\u{34f} \u{180e}\t\u{3000}",
            "\u{7}\u{1b}",
        ] {
            let chars = nothing.chars().count();
            assert_eq!(
                checked(nothing),
                Err(TextError::Invisible { chars }),
                "{nothing:?}"
            );
        }
    }

    #[test]
    fn a_visible_text_keeps_its_invisible_characters() {
        for text in [
            "\u{200b}.",
            "❤\u{fe0f}",
            "👩\u{200d}🚀",
            "  x  ",
            "\u{301}",
            "\u{202e}left\u{202c}",
        ] {
            assert_eq!(Text::try_from(text.to_owned()).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_length_of_a_text_is_its_number_of_characters() {
        for one in ["x", "я", "字", "🦆", "e"] {
            assert_eq!(checked(&one.repeat(MAX_TEXT_CHARS)), Ok(()), "{one}");
            let chars = MAX_TEXT_CHARS + 1;
            assert_eq!(
                checked(&one.repeat(chars)),
                Err(TextError::TooLong { chars }),
                "{one}"
            );
        }
        assert!(
            TextError::Invisible { chars: 1 }
                .to_string()
                .contains("it has 1 character, ")
        );
        assert_eq!(
            TextError::TooLong { chars: 70_000 }.to_string(),
            "the text has 70000 characters, and a message has at most 65536"
        );
    }

    #[test]
    fn a_nul_is_refused_and_debug_shows_no_text() {
        assert_eq!(checked("a\0b"), Err(TextError::Nul));
        let text = Text::try_from("secret".to_owned()).unwrap();
        assert_eq!(format!("{text:?}"), "6 bytes");
    }
}
