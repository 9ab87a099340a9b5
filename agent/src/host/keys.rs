//! `openclaw-agent keys`: manages the key slots of the store.
//!
//! Each command makes one change, which is durable when it returns, and needs a volume that no agent uses. Secrets are
//! never arguments: they come from the settings, a file, a terminal or a pipe.

mod error;
mod prompt;
mod rotate;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use openclaw_state::clock;
use openclaw_vault::{Key32, Secret, SlotInfo, SlotKind};

use crate::host::volume::{self, KeySource, Open, StoreLocation};

pub use error::Error;

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print a new key; nothing else changes
    Generate {
        /// Write it to this file instead, which must not exist yet
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the key slots of the store; needs no key, and works while the agent runs
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Add a key or passphrase to the store
    Add {
        /// Slot name, as keys list shows it
        name: String,
        /// The new secret.
        #[command(flatten)]
        new: New,
    },
    /// Remove a key or passphrase; if someone else may know it, also run rotate-data
    Remove {
        /// Slot name, as keys list shows it
        name: String,
    },
    /// Replace a key or passphrase
    Passwd {
        /// Slot name [default: the slot of the configured key or passphrase]
        name: Option<String>,
        /// The new secret.
        #[command(flatten)]
        new: New,
    },
    /// Re-encrypt the store with a new data key: a removed key can read nothing that is written afterwards
    RotateData(rotate::Keep),
}

/// A new secret. Without a file, it is read from the terminal or a pipe.
#[derive(Args, Debug)]
pub struct New {
    /// File with a key, as keys generate prints it
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_file")]
    new_key_file: Option<PathBuf>,
    /// File with a passphrase
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl Command {
    /// True if the command opens the store, and so needs a key and exclusive use of the volume.
    #[must_use]
    pub fn opens_the_store(&self) -> bool {
        !matches!(self, Self::Generate { .. } | Self::List { .. })
    }
}

/// Runs the command. `source` must be `Some` if [`Command::opens_the_store`].
pub fn run(
    command: Command,
    place: &StoreLocation,
    source: Option<&KeySource>,
) -> Result<(), Error> {
    let now = clock::wall();
    let open = || {
        let source = source.ok_or_else(|| Error::NoKey(volume::no_key(place)))?;
        open(place, source, now)
    };
    match command {
        Command::Generate { out } => generate(out.as_deref(), &place.dir),
        Command::List { json } => list(&place.dir, json),
        Command::Add { name, new } => {
            let open = open()?;
            let free = open.sealed.check_new_slot(&name);
            free.map_err(|error| open.volume.failed(error))?;
            add(open, &name, &new.secret(&place.dir)?, now)
        }
        Command::Remove { name } => remove(open()?, &name),
        Command::Passwd { name, new } => {
            let source = source.ok_or_else(|| Error::NoKey(volume::no_key(place)))?;
            let open = open()?;
            let name = name.or(open
                .sealed
                .slot_of(&source.secret().map_err(volume::Error::from)?));
            let name = name.unwrap_or_default();
            let found = open.sealed.check_slot(&name);
            found.map_err(|error| open.volume.failed(error))?;
            passwd(open, &name, &new.secret(&place.dir)?, now)
        }
        Command::RotateData(keep) => {
            let source = source.ok_or_else(|| Error::NoKey(volume::no_key(place)))?;
            rotate::run(open()?, source, &keep, now)
        }
    }
}

fn open(place: &StoreLocation, source: &KeySource, now: SystemTime) -> Result<Open, Error> {
    let volume = place.claim(now, |holder| eprintln!("waiting for {holder}"))?;
    // An unreadable one is reported when the store is opened.
    if let Ok(Some(fault)) = source.fault() {
        eprintln!("note: the passphrase in {source} {fault}");
    }
    Ok(volume.open(source)?)
}

fn generate(out: Option<&Path>, dir: &Path) -> Result<(), Error> {
    if let Some(path) = out.filter(|path| volume::is_inside(dir, path)) {
        return Err(Error::OnVolume(volume::on_the_volume("--out", path, dir)));
    }
    match out {
        None => {
            let key = Key32::random().map_err(Error::NoRandom)?.to_text();
            writeln!(io::stdout(), "{}", key.as_str()).map_err(Error::Print)
        }
        Some(path) if volume::make_key_file(path).map_err(volume::Error::from)? => done(&format!(
            "new key written to {}; keep a copy elsewhere",
            path.display()
        )),
        Some(path) => Err(Error::FileExists(path.to_owned())),
    }
}

fn list(dir: &Path, json: bool) -> Result<(), Error> {
    let presence = volume::inspect(dir)?.ok_or_else(|| volume::Error::Store {
        dir: dir.to_owned(),
        source: openclaw_vault::Error::Absent,
    })?;
    let mut text = String::new();
    if !json {
        text.push_str("NAME                              KIND        SINCE\n");
    }
    for SlotInfo {
        name,
        kind,
        created,
    } in presence.slots
    {
        let since = clock::utc(SystemTime::UNIX_EPOCH + Duration::from_secs(created));
        let kind = match kind {
            SlotKind::Raw => "key",
            SlotKind::Passphrase(_) => "passphrase",
        };
        let line = if json {
            serde_json::json!({"name": name, "kind": kind, "since": since, "since_unix": created})
                .to_string()
        } else {
            format!("{name:<32}  {kind:<10}  {since}")
        };
        text.push_str(&line);
        text.push('\n');
    }
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(Error::Print)
}

fn add(open: Open, name: &str, secret: &Secret, now: SystemTime) -> Result<(), Error> {
    change(open, |store| {
        store.add_slot(name, secret, volume::seconds(now))
    })?;
    done(&format!("{name:?} now opens the store too"))
}

fn remove(open: Open, name: &str) -> Result<(), Error> {
    change(open, |store| store.remove_slot(name))?;
    done(&format!("{name:?} no longer opens the store"))?;
    done(
        "note: anyone with it and an older copy of the volume can still read that copy; `openclaw-agent keys rotate-data` protects what is written from then on",
    )
}

fn passwd(open: Open, name: &str, secret: &Secret, now: SystemTime) -> Result<(), Error> {
    change(open, |store| {
        store.change_slot(name, secret, volume::seconds(now))
    })?;
    done(&format!(
        "{name:?} was changed: start the agent with the new key"
    ))
}

/// Changes the store and closes it.
fn change(
    open: Open,
    work: impl FnOnce(&mut openclaw_state::vault::Sealed) -> Result<(), openclaw_vault::Error>,
) -> Result<(), Error> {
    let Open {
        volume, mut sealed, ..
    } = open;
    let result = work(&mut sealed).and_then(|()| sealed.close());
    result.map_err(|error| Error::from(volume.failed(error)))?;
    volume.release();
    Ok(())
}

impl New {
    /// Reads the new secret. It must be outside the volume `dir`, and must not be weak.
    fn secret(&self, dir: &Path) -> Result<Secret, Error> {
        let Self {
            new_key_file,
            new_passphrase_file,
        } = self;
        let files = [
            ("--new-key-file", new_key_file),
            ("--new-passphrase-file", new_passphrase_file),
        ];
        for (name, file) in files {
            if let Some(path) = file.as_deref().filter(|path| volume::is_inside(dir, path)) {
                return Err(Error::OnVolume(volume::on_the_volume(name, path, dir)));
            }
        }
        let secret = match (new_key_file, new_passphrase_file) {
            (Some(path), _) => volume::read_key(path),
            (_, Some(path)) => volume::read_new_passphrase(path),
            (None, None) => return prompt::new_secret(),
        };
        Ok(secret.map_err(volume::Error::from)?)
    }
}

/// Prints a message for a person, to stderr: stdout is for data.
fn done(text: &str) -> Result<(), Error> {
    writeln!(io::stderr(), "{text}").map_err(Error::Print)
}
