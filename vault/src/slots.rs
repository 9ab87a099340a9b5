//! The slots of a vault: adding, removing and changing the secrets that open it, and replacing the data key.

use crate::disk::Disk;
use crate::error::Error;
use crate::header::{MAX_SLOTS, Purpose, Slot, SlotInfo, is_name};
use crate::secret::{Key32, Secret};
use crate::vault::Vault;

impl<D: Disk> Vault<D> {
    /// The slots, oldest first.
    pub fn slots(&self) -> Vec<SlotInfo> {
        self.header()
            .slots
            .iter()
            .map(|slot| slot.info.clone())
            .collect()
    }

    /// Checks that a slot of this name can be added, before the user is asked for a secret.
    pub fn check_new_slot(&self, name: &str) -> Result<(), Error> {
        let slots = &self.header().slots;
        if !is_name(name) {
            return Err(Error::BadName);
        }
        if slots.iter().any(|slot| slot.info.name == name) {
            return Err(Error::SlotExists(name.to_owned()));
        }
        if slots.len() == MAX_SLOTS {
            return Err(Error::ManySlots);
        }
        Ok(())
    }

    /// Checks that a slot of this name exists, before the user is asked for a secret.
    pub fn check_slot(&self, name: &str) -> Result<(), Error> {
        let mut slots = self.header().slots.iter();
        let found = slots.any(|slot| slot.info.name == name);
        found
            .then_some(())
            .ok_or_else(|| Error::NoSlot(name.to_owned()))
    }

    /// Adds a slot: a further secret that opens the vault.
    pub fn add_slot(&mut self, name: &str, secret: &Secret, now: u64) -> Result<(), Error> {
        self.check_new_slot(name)?;
        let mut slots = self.header().slots.clone();
        slots.push(self.wrap(name, secret, now)?);
        self.write_slots(slots)
    }

    /// Removes a slot. Anyone with its secret and an old copy of the header still has the data key, so rotate that
    /// too.
    pub fn remove_slot(&mut self, name: &str) -> Result<(), Error> {
        let mut slots = self.header().slots.clone();
        let at = slots.iter().position(|slot| slot.info.name == name);
        let at = at.ok_or_else(|| Error::NoSlot(name.to_owned()))?;
        if slots.len() == 1 {
            return Err(Error::LastSlot(name.to_owned()));
        }
        slots.remove(at);
        self.write_slots(slots)
    }

    /// Replaces the secret of a slot.
    pub fn change_slot(&mut self, name: &str, secret: &Secret, now: u64) -> Result<(), Error> {
        let mut slots = self.header().slots.clone();
        let slot = slots.iter_mut().find(|slot| slot.info.name == name);
        *slot.ok_or_else(|| Error::NoSlot(name.to_owned()))? = self.wrap(name, secret, now)?;
        self.write_slots(slots)
    }

    /// Reseals everything under a new data key, which exactly the given slots open.
    pub fn rotate(&mut self, slots: &[(&str, &Secret)], now: u64) -> Result<(), Error> {
        let names: Vec<_> = slots.iter().map(|(name, _)| *name).collect();
        if names.is_empty() || names.len() > MAX_SLOTS {
            return Err(Error::ManySlots);
        }
        for (at, name) in names.iter().enumerate() {
            if !is_name(name) {
                return Err(Error::BadName);
            }
            if names[..at].contains(name) {
                return Err(Error::SlotExists((*name).to_owned()));
            }
        }
        let data_key = Key32::random()?;
        let wrap = |(name, secret): &(&str, &Secret)| {
            let store = self.store();
            Slot::wrap(Purpose::Vault, store, name, now, secret, &data_key)
        };
        let slots = slots.iter().map(wrap).collect::<Result<_, _>>()?;
        self.rekey(data_key, slots)
    }

    /// The name of the slot that a secret opens.
    pub fn slot_of(&self, secret: &Secret) -> Option<String> {
        self.header().slot_of(secret)
    }

    fn wrap(&self, name: &str, secret: &Secret, now: u64) -> Result<Slot, Error> {
        Ok(Slot::wrap(
            Purpose::Vault,
            self.store(),
            name,
            now,
            secret,
            &self.data_key,
        )?)
    }
}
