//! The contract's enum values as arguments, by their names in the contract.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use openclaw_proto::Word;
use openclaw_proto::v1::SendState;

/// Every value of `T`.
pub(super) fn words<T: Word + Send + Sync>() -> impl TypedValueParser<Value = T> {
    some(<T as Word>::ALL.iter().copied())
}

/// The states that `--wait` accepts.
pub(super) fn states() -> impl TypedValueParser<Value = SendState> {
    let reached = |state: &SendState| *state != SendState::Failed;
    some(<SendState as Word>::ALL.iter().copied().filter(reached))
}

/// Shown with dashes, as usual for arguments; underscores are accepted too.
fn some<T: Word + Send + Sync>(
    values: impl Iterator<Item = T>,
) -> impl TypedValueParser<Value = T> {
    let values = values.map(|value| {
        let word = value.word();
        PossibleValue::new(word.replace('_', "-")).alias(word)
    });
    PossibleValuesParser::new(values)
        .map(|word| T::from_word(&word.replace('-', "_")).expect("one of the words above"))
}
