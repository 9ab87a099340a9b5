//! What a backup is sealed to: from a file, or typed on the terminal. Never from the command line or
//! the environment, where other processes can read it.

mod prompt;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_vault::{BadSecret, Secret};
use zeroize::Zeroizing;

use crate::cli::SecretArgs;
use crate::failure::Failure;
use crate::stop::Stops;
use crate::text;
pub(crate) use prompt::Prompt;

/// A file with a secret is not larger.
const LARGEST: u64 = 4096;
/// Shorter passphrases are found by trying.
const SHORTEST: usize = 8;

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// To seal something new: a typed passphrase is asked for twice, and must be long enough.
    Seal,
    /// To open what is sealed.
    Open,
}

/// The secret that the flags name, else one that a person types.
pub(crate) async fn obtain(
    args: &SecretArgs,
    purpose: Use,
    stops: &mut Stops,
) -> Result<Secret, Failure> {
    let SecretArgs {
        passphrase_file,
        key_file,
    } = args;
    let secret = match (passphrase_file, key_file) {
        (_, Some(path)) => {
            let text = read(path)?;
            Secret::parse_key(&text).map_err(|bad| named(path, bad))?
        }
        (Some(path), None) => {
            let text = read(path)?;
            if text.trim_end_matches(['\r', '\n']).contains(['\r', '\n']) {
                return Err(unusable(path, "has more than one line"));
            }
            Secret::parse_passphrase(&text).map_err(|bad| named(path, bad))?
        }
        (None, None) => typed(purpose, stops).await?,
    };
    match &secret {
        Secret::Passphrase(words) if purpose == Use::Seal && words.chars().count() < SHORTEST => {
            Err(Failure::usage(format!(
                "the passphrase is shorter than {SHORTEST} characters"
            ))
            .with_reason("SHORT_PASSPHRASE")
            .with_hint("whoever has the file can try passphrases: use some words, or --key-file"))
        }
        _ => Ok(secret),
    }
}

/// The same for the agent.
pub(crate) fn to_wire(secret: &Secret) -> pb::Secret {
    let secret = match secret {
        Secret::Raw(key) => pb::secret::Secret::Key(key.bytes().to_vec()),
        Secret::Passphrase(words) => pb::secret::Secret::Passphrase(words.to_string()),
    };
    pb::Secret {
        secret: Some(secret),
    }
}

/// True when `path` stands for stdin or stdout.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    // Room for all of it, so that no part stays behind when it grows.
    let room = usize::try_from(LARGEST).unwrap_or_default() + 2;
    let mut text = Zeroizing::new(String::with_capacity(room));
    let read = if is_dash(path) {
        take(io::stdin().lock(), &mut text)
    } else {
        File::open(path).and_then(|file| take(file, &mut text))
    };
    match read {
        Ok(length) if length > LARGEST => Err(unusable(path, "is too large to hold a secret")),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(unusable(path, "is not text"))
        }
        Err(error) => Err(Failure::usage(format!("read {}: {error}", shown(path)))),
    }
}

fn take(input: impl Read, text: &mut String) -> io::Result<u64> {
    let length = input.take(LARGEST + 1).read_to_string(text)?;
    Ok(u64::try_from(length).unwrap_or(u64::MAX))
}

fn named(path: &Path, bad: BadSecret) -> Failure {
    let failure = Failure::usage(format!("{}: {bad}", shown(path))).with_reason("BAD_SECRET");
    match bad {
        BadSecret::NotAKey | BadSecret::NotRandom => {
            failure.with_hint("`openclaw-agent keys generate` makes a key")
        }
        _ => failure,
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("{} {why}", shown(path))).with_reason("BAD_SECRET")
}

fn shown(path: &Path) -> String {
    if is_dash(path) {
        return "stdin".to_owned();
    }
    text::one_line(&path.to_string_lossy())
}

async fn typed(purpose: Use, stops: &mut Stops) -> Result<Secret, Failure> {
    let prompt = Prompt::open().ok_or_else(|| {
        Failure::usage("nobody can be asked for a passphrase: there is no terminal")
            .with_reason("NO_TERMINAL")
            .with_hint("name it with --passphrase-file or --key-file")
    })?;
    let words = prompt.ask("Passphrase of the backup: ", stops).await?;
    if purpose == Use::Seal {
        let again = prompt.ask("The same again: ", stops).await?;
        if *words != *again {
            return Err(Failure::new("the two passphrases differ").with_reason("DIFFERENT"));
        }
    }
    Secret::parse_passphrase(&words)
        .map_err(|bad| Failure::usage(bad.to_string()).with_reason("BAD_SECRET"))
}
