//! The words of enums, for people and programs: one table, made from the contract.

use crate::v1;

/// An enum of the contract.
pub trait Word: Copy + Into<i32> + TryFrom<i32> + 'static {
    /// Every value but the unspecified one.
    const ALL: &'static [Self];

    /// In lower_snake_case, without the enum's name: `server_ack`.
    fn word(self) -> &'static str;

    /// The value of that word.
    fn from_word(word: &str) -> Option<Self>;
}

include!("gen/words.rs");
