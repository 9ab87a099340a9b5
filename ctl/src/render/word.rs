//! Names of the contract's enum values, for a person. The table is the contract's own.

use openclaw_proto::Word;

use crate::text::one_line;

/// A value of a later version, or unspecified.
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

/// A reason: its name; the agent's own text if the contract has no value for it; the number if it is of a later
/// version.
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
    fn an_unknown_value_is_shown_as_unknown_and_an_unknown_reason_as_its_text() {
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
