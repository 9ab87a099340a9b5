//! Events that a receiver does not take. A dead letter says where the event is and why it was set aside, and has nothing of what
//! it is about: the event itself stays in the agent's journal, sealed, and is read again when it is delivered again.
//!
//! ```text
//! DIR/WEBHOOK/STORE-SEQ.json
//! ```

pub mod again;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ledger::Mark;

/// When there are so many of a webhook, it waits instead of setting further ones aside.
const MAX_LETTERS: usize = 10_000;
/// A file that is larger is none of these.
const MAX_FILE_BYTES: u64 = 16 * 1024;
const EXTENSION: &str = "json";

/// The dead letters of one webhook.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    dir: PathBuf,
}

/// Why an event is not delivered, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Of the event: its store and its seq, as in `webhook-id`.
    pub id: String,
    /// The name of the webhook.
    pub webhook: String,
    /// The name of the agent.
    pub agent: String,
    /// The kind of the event.
    pub kind: String,
    /// What the receiver answered last.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was set aside, in RFC 3339.
    pub at: String,
}

/// Why an event cannot be set aside.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room.
    #[error(
        "{MAX_LETTERS} dead letters already: deliver or drop some with `openclaw-relay dead-letters`"
    )]
    Full,
    /// The system refuses it.
    #[error("cannot write a dead letter: {0}")]
    System(#[from] io::Error),
}

impl DeadLetters {
    /// Those of a webhook, in a directory that is made if it does not exist.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(dir: &Path, webhook: &str) -> io::Result<Self> {
        let dir = dir.join(webhook);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        fs::read_dir(&dir)?;
        Ok(Self { dir })
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.{EXTENSION}"))
    }

    /// True if the event was set aside.
    #[must_use]
    pub fn holds(&self, mark: &Mark) -> bool {
        self.path(&mark.to_string()).exists()
    }

    /// Sets an event aside. It is durable when this returns.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add(&self, letter: &Letter) -> Result<(), Error> {
        if self.paths()?.len() >= MAX_LETTERS {
            return Err(Error::Full);
        }
        let json = serde_json::to_vec(letter).expect("writing to memory does not fail");
        let part = self.dir.join("part");
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&part)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&part, self.path(&letter.id))?;
        self.sync()?;
        Ok(())
    }

    /// Removes one, if it is there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, letter: &Letter) -> io::Result<()> {
        match fs::remove_file(self.path(&letter.id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    /// All of them, the oldest first. The second list has the files that are none.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self) -> io::Result<(Vec<Letter>, Vec<PathBuf>)> {
        let (mut letters, mut odd) = (Vec::new(), Vec::new());
        for path in self.paths()? {
            match read(&path) {
                Some(letter) if self.path(&letter.id) == path => letters.push(letter),
                _ => odd.push(path),
            }
        }
        letters.sort_by(|a, b| (&a.at, seq(a)).cmp(&(&b.at, seq(b))));
        Ok((letters, odd))
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == EXTENSION) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Makes what was renamed or removed durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

fn seq(letter: &Letter) -> Option<u64> {
    letter.id.parse().ok().map(|mark: Mark| mark.seq)
}

fn read(path: &Path) -> Option<Letter> {
    let length = fs::metadata(path).ok()?.len();
    let letter: Letter = match length <= MAX_FILE_BYTES {
        true => serde_json::from_slice(&fs::read(path).ok()?).ok()?,
        false => return None,
    };
    letter.id.parse::<Mark>().is_ok().then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(seq: u64) -> Letter {
        Letter {
            id: Mark::new(&[0xab], seq).to_string(),
            webhook: "crm".to_owned(),
            agent: "support".to_owned(),
            kind: "message".to_owned(),
            error: "HTTP 422".to_owned(),
            attempts: 8,
            at: "2026-11-29T12:00:00Z".to_owned(),
        }
    }

    #[test]
    fn letters_are_listed_in_order_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(dir.path(), "crm").unwrap();
        for seq in [10, 9, 9] {
            letters.add(&letter(seq)).unwrap();
        }
        assert!(letters.holds(&Mark::new(&[0xab], 9)) && !letters.holds(&Mark::new(&[0xab], 8)));
        assert_eq!(letters.list().unwrap().0, [letter(9), letter(10)]);
        letters.remove(&letter(9)).unwrap();
        letters.remove(&letter(9)).unwrap();
        let again = DeadLetters::open(dir.path(), "crm").unwrap();
        assert_eq!(again.list().unwrap().0, [letter(10)]);
    }

    #[test]
    fn a_file_that_is_no_letter_is_named_and_harms_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(dir.path(), "crm").unwrap();
        letters.add(&letter(9)).unwrap();
        let other = serde_json::to_string(&letter(5)).unwrap();
        let escape = other.replace("ab-5", "../ab-5");
        let large = "x".repeat(20_000);
        for (name, content) in [
            ("empty", ""),
            ("cut", &other[..20]),
            ("other-name", &other),
            ("escape", &escape),
            ("large", &large),
        ] {
            fs::write(dir.path().join(format!("crm/{name}.json")), content).unwrap();
        }
        // What a power cut leaves.
        fs::write(dir.path().join("crm/part"), &other[..9]).unwrap();
        let (found, odd) = letters.list().unwrap();
        assert_eq!((found.len(), odd.len()), (1, 5));
    }

    #[test]
    fn no_more_than_the_most_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(dir.path(), "crm").unwrap();
        for at in 0..MAX_LETTERS {
            fs::write(dir.path().join(format!("crm/{at}.json")), "").unwrap();
        }
        assert!(matches!(letters.add(&letter(9)), Err(Error::Full)));
        assert!(!letters.holds(&Mark::new(&[0xab], 9)));
    }
}
