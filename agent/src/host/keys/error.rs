//! Errors of the `keys` commands.

use std::io;
use std::path::PathBuf;

use openclaw_types::Exit;
use openclaw_vault::{BadSecret, NoRandom};

use crate::host::volume::{self, Fault, Mistake};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings have no key.
    #[error("{}", .0.text)]
    NoKey(Mistake),
    /// The key file would be on the volume that it opens.
    #[error("{}", .0.text)]
    OnVolume(Mistake),
    /// The new passphrase is unsuitable.
    #[error("the new passphrase {0}")]
    Unfit(Fault),
    /// The volume cannot be opened, or rejects the change.
    #[error(transparent)]
    Volume(#[from] volume::Error),
    /// The file exists already.
    #[error("{} exists already", .0.display())]
    FileExists(PathBuf),
    /// The input is not a secret.
    #[error("invalid new secret: {0}")]
    Bad(BadSecret),
    /// The two entries differ.
    #[error("the two entries differ")]
    NotTheSame,
    /// The terminal or pipe cannot be read.
    #[error("cannot read the new secret")]
    Prompt(#[source] io::Error),
    /// Slots whose secrets were not given.
    #[error("the secrets of these slots were not given: {}", .0.join(", "))]
    NotGiven(Vec<String>),
    /// A file whose secret opens no slot.
    #[error("the secret in {} opens no slot", .0.display())]
    OpensNothing(PathBuf),
    /// Two files for one slot.
    #[error("the secret of {0:?} was given twice")]
    GivenTwice(String),
    /// The output is closed.
    #[error("cannot write to stdout")]
    Print(#[source] io::Error),
    /// The system cannot provide random numbers.
    #[error(transparent)]
    NoRandom(NoRandom),
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        use openclaw_vault::Error as Store;
        let hint = match self {
            Self::Unfit(fault) => fault.hint(),
            Self::NoKey(mistake) | Self::OnVolume(mistake) => {
                mistake.hint.as_deref().unwrap_or_default()
            }
            Self::Volume(volume::Error::Store { source, .. }) => match source {
                Store::SlotExists(_) => {
                    "choose another name, or change that slot with `openclaw-agent keys passwd NAME`"
                }
                Store::NoSlot(_) => "`openclaw-agent keys list` shows their names",
                Store::LastSlot(_) => "add another with `openclaw-agent keys add NAME` first",
                Store::ManySlots => "remove one with `openclaw-agent keys remove NAME` first",
                Store::BadName => "for example `openclaw-agent keys add laptop`",
                Store::Absent => "start the agent once: it makes the store",
                _ => return self.volume_hint(),
            },
            Self::Volume(_) => return self.volume_hint(),
            Self::FileExists(_) => "name another file; an existing key is never overwritten",
            Self::Bad(_) => {
                "type a passphrase, or pipe in what `openclaw-agent keys generate` prints"
            }
            Self::NotTheSame => "nothing was changed; try again",
            Self::Prompt(_) => {
                "name a file with --new-key-file or --new-passphrase-file, or pipe the secret in"
            }
            Self::NotGiven(_) => {
                "give each with --with-key-file or --with-passphrase-file, or remove those slots with --drop-others"
            }
            Self::OpensNothing(_) => "`openclaw-agent keys list` shows the slots",
            Self::GivenTwice(_) => "give each secret once; the configured one is included",
            Self::Print(_) => {
                "stdout was closed: run it again without the pipe; `keys generate` also takes --out FILE"
            }
            Self::NoRandom(_) => "try again; the machine may still be starting",
        };
        hint.to_owned()
    }

    fn volume_hint(&self) -> String {
        match self {
            Self::Volume(error @ volume::Error::Locked { .. }) => {
                format!("stop the agent first: {}", error.hint())
            }
            Self::Volume(error) => error.hint(),
            _ => String::new(),
        }
    }

    /// The process's exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        use openclaw_vault::Error as Store;
        match self {
            Self::NoKey(_)
            | Self::OnVolume(_)
            | Self::Unfit(_)
            | Self::Bad(_)
            | Self::OpensNothing(_)
            | Self::GivenTwice(_) => Exit::Configuration,
            Self::FileExists(_) | Self::NotGiven(_) | Self::NotTheSame => Exit::Refused,
            Self::Volume(volume::Error::Store {
                source:
                    Store::SlotExists(_)
                    | Store::NoSlot(_)
                    | Store::LastSlot(_)
                    | Store::ManySlots
                    | Store::BadName
                    | Store::Absent,
                ..
            }) => Exit::Refused,
            Self::Volume(error) if error.is_configuration() => Exit::Configuration,
            Self::Volume(_) | Self::Prompt(_) | Self::Print(_) | Self::NoRandom(_) => Exit::Failed,
        }
    }
}
