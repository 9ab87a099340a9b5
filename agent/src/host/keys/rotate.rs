//! `keys rotate-data`: replaces the data key, for the slots whose secrets are given.
//!
//! A slot is the data key, wrapped with the slot's secret: without the secret, the new key cannot be wrapped.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use openclaw_vault::Secret;

use super::{Error, change, done};
use crate::host::volume::{self, KeySource, Open};

/// The slots to keep, in addition to the one in the settings.
#[derive(Args, Debug)]
pub struct Keep {
    /// Key file of another slot to keep; repeatable
    #[arg(long, value_name = "FILE")]
    with_key_file: Vec<PathBuf>,
    /// Passphrase file of another slot to keep; repeatable
    #[arg(long, value_name = "FILE")]
    with_passphrase_file: Vec<PathBuf>,
    /// Drop the slots whose secrets are not given
    #[arg(long)]
    drop_others: bool,
}

pub(super) fn run(
    open: Open,
    source: &KeySource,
    keep: &Keep,
    now: SystemTime,
) -> Result<(), Error> {
    let mut kept = Kept { slots: Vec::new() };
    kept.add(&open, source.secret(), Path::new(&source.to_string()))?;
    for path in &keep.with_key_file {
        kept.add(&open, volume::read_key(path), path)?;
    }
    for path in &keep.with_passphrase_file {
        kept.add(&open, volume::read_passphrase(path), path)?;
    }
    let slots = open.sealed.slots();
    let names = slots.into_iter().map(|slot| slot.name);
    let others: Vec<_> = names.filter(|name| !kept.has(name)).collect();
    if !others.is_empty() && !keep.drop_others {
        return Err(Error::NotGiven(others));
    }
    let slots: Vec<_> = kept
        .slots
        .iter()
        .map(|(name, secret)| (name.as_str(), secret))
        .collect();
    change(open, |store| store.rotate(&slots, volume::seconds(now)))?;
    let names: Vec<_> = slots.iter().map(|(name, _)| *name).collect();
    done(&format!(
        "the store has a new data key; {} opens it",
        names.join(", ")
    ))
}

struct Kept {
    slots: Vec<(String, Secret)>,
}

impl Kept {
    fn has(&self, name: &str) -> bool {
        self.slots.iter().any(|(kept, _)| kept == name)
    }

    fn add(
        &mut self,
        open: &Open,
        secret: Result<Secret, volume::BadSource>,
        place: &Path,
    ) -> Result<(), Error> {
        let secret = secret.map_err(volume::Error::from)?;
        let name = open.sealed.slot_of(&secret);
        let name = name.ok_or_else(|| Error::OpensNothing(place.to_owned()))?;
        if self.has(&name) {
            return Err(Error::GivenTwice(name));
        }
        self.slots.push((name, secret));
        Ok(())
    }
}
