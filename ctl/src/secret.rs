//! The secret of a backup: from a file or a prompt. Never from the command line or the environment, where other
//! processes can read it.

mod file;
mod prompt;

use std::io::{self, Read};
use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_settings::Flaw;
use openclaw_vault::{BadSecret, Secret, Weakness};
use zeroize::Zeroizing;

use crate::cli::SecretArgs;
use crate::failure::Failure;
use crate::stop::Stops;
use crate::{console, text};
pub(crate) use file::Input;
pub(crate) use prompt::Prompt;

const MAX_SECRET_BYTES: u64 = 4096;
/// The hint for a passphrase with quotes or marks around it.
const PLAIN: &str = "a passphrase is used exactly as given: write it on one line, without quotes, marks or blanks around it";

/// The purpose of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// To encrypt: a typed passphrase is asked for twice, and must be strong enough.
    Seal,
    /// To decrypt.
    Open,
}

/// The secret from the flags, else from a prompt.
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
            let given = read(path)?;
            let key = openclaw_settings::value(&given)
                .map_err(|flaw| unusable(path, &flaw.to_string()))?;
            Secret::parse_key(key.unwrap_or_default()).map_err(|bad| named(path, bad))?
        }
        (Some(path), None) => {
            let given = read(path)?;
            let words = passphrase(&given, &shown(path), purpose)?;
            Secret::parse_passphrase(words).map_err(|bad| named(path, bad))?
        }
        (None, None) => typed(purpose, stops).await?,
    };
    match secret.weakness().filter(|_| purpose == Use::Seal) {
        Some(weakness) => Err(Failure::usage(format!("the passphrase {weakness}"))
            .with_reason(match weakness {
                Weakness::Short => "SHORT_PASSPHRASE",
                Weakness::Guessable | Weakness::Placeholder | Weakness::Path | Weakness::Number => {
                    "WEAK_PASSPHRASE"
                }
            })
            .with_hint(
                "anyone with the file can try passphrases: use several words, or --key-file",
            )),
        None => Ok(secret),
    }
}

/// The passphrase in `given`. An ambiguous one is refused for encryption; for decryption it is accepted with a note.
fn passphrase<'a>(given: &'a [u8], origin: &str, purpose: Use) -> Result<&'a str, Failure> {
    let refused = |why: &str| Failure::usage(format!("{origin} {why}")).with_reason("BAD_SECRET");
    let text = openclaw_settings::free_text(given).map_err(|flaw| refused(&flaw.to_string()))?;
    let Some(text) = text else { return Ok("") };
    let words = text.as_given();
    match (text.flaw(), purpose) {
        (Some(Flaw::Control), _) if words.contains(['\r', '\n']) => {
            Err(refused("has more than one line"))
        }
        (Some(flaw), Use::Seal) => Err(refused(&flaw.to_string()).with_hint(PLAIN)),
        (Some(flaw), Use::Open) => {
            console::note(&format!(
                "note: the passphrase in {origin} {flaw}, which is part of it"
            ));
            Ok(words)
        }
        (None, _) => Ok(words),
    }
}

/// The secret as a protobuf message.
pub(crate) fn to_wire(secret: &Secret) -> pb::Secret {
    let form = match secret {
        Secret::Raw(key) => pb::secret::Form::Key(key.bytes().to_vec()),
        Secret::Passphrase(words) => pb::secret::Form::Passphrase(words.to_string()),
    };
    pb::Secret { form: Some(form) }
}

/// True if `path` means stdin or stdout.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Allocated at full size, so that growing leaves no unwiped copy.
    let room = usize::try_from(MAX_SECRET_BYTES).unwrap_or_default() + 2;
    let mut given = Zeroizing::new(Vec::with_capacity(room));
    let read = if is_dash(path) {
        take(io::stdin().lock(), &mut given).map(Ok)
    } else {
        Input::open(path).and_then(|input| match input.exposed() {
            Some(mode) => Ok(Err(mode)),
            None => take(input, &mut given).map(Ok),
        })
    };
    let read = match read {
        Ok(Err(mode)) => {
            let shown = shown(path);
            let why = format!("can be read by everyone (mode {mode:04o})");
            return Err(unusable(path, &why).with_hint(format!("run `chmod 600 {shown}`")));
        }
        Ok(Ok(length)) => Ok(length),
        Err(error) => Err(error),
    };
    match read {
        Ok(length) if length > MAX_SECRET_BYTES => {
            Err(unusable(path, "is too large to hold a secret"))
        }
        Ok(_) => Ok(given),
        Err(error) => Err(Failure::usage(format!(
            "cannot read {}: {error}",
            shown(path)
        ))),
    }
}

fn take(input: impl Read, given: &mut Vec<u8>) -> io::Result<u64> {
    let length = input.take(MAX_SECRET_BYTES + 1).read_to_end(given)?;
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
        Failure::usage("cannot ask for a passphrase: there is no terminal")
            .with_reason("NO_TERMINAL")
            .with_hint("name it with --passphrase-file or --key-file")
    })?;
    let words = prompt.ask("Passphrase of the backup: ", stops).await?;
    if purpose == Use::Seal {
        let again = prompt.ask("Repeat it: ", stops).await?;
        if *words != *again {
            return Err(
                Failure::new("the two passphrases differ").with_reason("PASSPHRASE_MISMATCH")
            );
        }
    }
    let words = passphrase(words.as_bytes(), "what was typed", purpose)?;
    Secret::parse_passphrase(words)
        .map_err(|bad| Failure::usage(bad.to_string()).with_reason("BAD_SECRET"))
}
