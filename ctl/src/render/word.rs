//! Words of the contract's enums, for a person. The table is the contract's own.

use openclaw_proto::Word;

use crate::text::one_line;

/// A value of a later version, or none.
const UNKNOWN: &str = "unknown";

/// `backing_off`
pub(crate) fn word<T: Word>(value: i32) -> &'static str {
    match T::try_from(value) {
        Ok(known) if value != 0 => known.word(),
        _ => UNKNOWN,
    }
}

/// `backing off`
pub(crate) fn words<T: Word>(value: i32) -> String {
    word::<T>(value).replace('_', " ")
}

/// A reason; of one that the contract has no value for, the agent's own word, and of a later version's its number.
pub(crate) fn reason<T: Word>(value: i32, other: &str) -> String {
    match (other, T::try_from(value)) {
        ("", Ok(_)) => word::<T>(value).to_owned(),
        ("", Err(_)) => format!("unknown reason {value}"),
        (other, _) => one_line(other),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::{DropReason, LinkState};

    use super::*;

    #[test]
    fn a_value_of_a_later_version_is_unknown_and_a_reason_keeps_its_word() {
        assert_eq!(
            words::<LinkState>(LinkState::BackingOff.into()),
            "backing off"
        );
        assert_eq!(word::<LinkState>(0), "unknown");
        assert_eq!(word::<LinkState>(99), "unknown");
        assert_eq!(
            reason::<DropReason>(DropReason::Other.into(), "full_moon"),
            "full_moon"
        );
        assert_eq!(
            reason::<DropReason>(DropReason::NotListed.into(), ""),
            "not_listed"
        );
        assert_eq!(reason::<DropReason>(17, ""), "unknown reason 17");
    }
}
