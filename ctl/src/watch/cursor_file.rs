//! The position of this user's last watch of an agent: one small file per store and filter. Each filter has its own
//! position.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use openclaw_proto::Word as _;
use serde::{Deserialize, Serialize};

use crate::cli::FilterArgs;
use crate::{state_dir, text};

/// The file of one store and one filter.
pub(super) struct CursorFile {
    path: PathBuf,
}

/// Why the position is not saved.
#[derive(Debug)]
pub(super) enum Error {
    /// The user has no state directory.
    NoFolder,
    /// The file has invalid content.
    Invalid(PathBuf),
    /// The file cannot be read or written.
    File(PathBuf, io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |path: &Path| text::one_line(&path.to_string_lossy());
        match self {
            Self::NoFolder => f.write_str(state_dir::NONE),
            Self::Invalid(path) => write!(f, "{} is unreadable; starting over", shown(path)),
            Self::File(path, error) => write!(f, "{}: {error}", shown(path)),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    seq: u64,
}

impl CursorFile {
    /// The file for `store`, in the directory `watches` of this user's state.
    pub(super) fn of(store: &[u8], args: &FilterArgs) -> Result<Self, Error> {
        let dir = state_dir::of_user("watches").ok_or(Error::NoFolder)?;
        let name = match choice(args) {
            None => HEXLOWER.encode(store),
            Some(choice) => format!("{}-{choice:016x}", HEXLOWER.encode(store)),
        };
        Ok(Self {
            path: dir.join(name),
        })
    }

    /// The saved position, if any.
    pub(super) fn load(&self) -> Result<Option<u64>, Error> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::File(self.path.clone(), error)),
        };
        let file = serde_json::from_slice(&text);
        let File { seq } = file.map_err(|_| Error::Invalid(self.path.clone()))?;
        Ok(Some(seq))
    }

    /// Saves `seq`, unless another watch has saved a later one.
    pub(super) fn advance(&self, seq: u64) -> Result<(), Error> {
        match self.load() {
            Ok(Some(kept)) if kept >= seq => Ok(()),
            _ => self.put(seq),
        }
    }

    /// Saves `seq`.
    pub(super) fn put(&self, seq: u64) -> Result<(), Error> {
        serde_json::to_vec(&File { seq })
            .map_err(io::Error::other)
            .and_then(|text| state_dir::replace(&self.path, &text))
            .map_err(|error| Error::File(self.path.clone(), error))
    }
}

/// A hash of the filter, independent of its order; `None` without a filter. FNV-1a.
fn choice(args: &FilterArgs) -> Option<u64> {
    let kinds = args.kinds.iter().map(|kind| kind.word().to_owned());
    let mut words: Vec<String> = kinds.collect();
    words.extend(
        args.chats
            .iter()
            .map(|chat| format!("chat {}", chat.trim())),
    );
    let chat_kinds = args.chat_kinds.iter().map(|kind| kind.word());
    words.extend(chat_kinds.map(|kind| format!("chats {kind}")));
    words.sort_unstable();
    words.dedup();
    let text = words.join("\n");
    (!text.is_empty()).then(|| {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    })
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::EventKind;

    use super::*;

    fn args(kinds: &[EventKind], chats: &[&str]) -> FilterArgs {
        FilterArgs {
            kinds: kinds.to_vec(),
            chats: chats.iter().map(|&chat| chat.to_owned()).collect(),
            chat_kinds: Vec::new(),
        }
    }

    #[test]
    fn each_filter_has_its_own_position_whatever_its_order() {
        assert_eq!(choice(&args(&[], &[])), None);
        let both = choice(&args(
            &[EventKind::Link, EventKind::Outcome],
            &["+15550100001"],
        ));
        let same = choice(&args(
            &[EventKind::Outcome, EventKind::Link, EventKind::Link],
            &["+15550100001"],
        ));
        assert_eq!(both, same);
        assert_ne!(
            both,
            choice(&args(&[EventKind::Link, EventKind::Outcome], &[]))
        );
        assert_ne!(
            choice(&args(&[EventKind::Link], &[])),
            choice(&args(&[EventKind::Outcome], &[]))
        );
    }

    #[test]
    fn a_position_only_moves_back_if_it_is_set() {
        let dir = tempfile::tempdir().unwrap();
        let place = CursorFile {
            path: dir.path().join("openclaw/watches/00"),
        };
        assert_eq!(place.load().unwrap(), None);
        for (seq, kept) in [(7, 7), (5, 7), (9, 9)] {
            place.advance(seq).unwrap();
            assert_eq!(place.load().unwrap(), Some(kept));
        }
        place.put(2).unwrap();
        assert_eq!(place.load().unwrap(), Some(2));
        fs::write(&place.path, "garbled").unwrap();
        assert!(matches!(place.load(), Err(Error::Invalid(_))));
        place.advance(3).unwrap();
        assert_eq!(place.load().unwrap(), Some(3));
    }
}
