//! The contact's devices: additional ones, their receipts, messages that fail to decrypt on them, and a reinstalled
//! phone.

use super::Peer;
use crate::phones::receipts::form::{self, ReceiptForm};
use crate::phones::retry::{self, Unopened};
use crate::rules::devices;
use crate::state::error::Error;
use crate::state::retries::Order;
use crate::sync::lock;

impl Peer {
    /// Sends a receipt of any form.
    ///
    /// # Errors
    /// A malformed number.
    pub fn send_receipt_of(&self, to: &str, form: &ReceiptForm) -> Result<(), Error> {
        let form = ReceiptForm {
            by: self.by(form.by),
            ..form.clone()
        };
        form::send(&self.shared, &self.sender(), &to.parse()?, &form);
        Ok(())
    }

    /// Links this many additional devices to the contact's phone, each with its own keys. Returns their numbers.
    pub fn add_devices(&self, count: u16) -> Vec<u16> {
        devices::play(&self.shared, &self.number, count)
    }

    /// Unlinks one of the contact's additional devices.
    ///
    /// # Errors
    /// There is no such device.
    pub fn remove_device(&self, device: u16) -> Result<(), Error> {
        match devices::remove(&self.shared, &self.number, Some(device)) {
            0 => Err(Error::NotLinked),
            _ => Ok(()),
        }
    }

    /// The contact's devices that the simulator runs. The phone is 0.
    pub fn devices(&self) -> Vec<u16> {
        let played = lock(&self.shared.state).played_by(&self.number);
        played.into_iter().map(|(_, device)| device).collect()
    }

    /// The same contact, sending from one of its devices.
    #[must_use]
    pub fn on_device(&self, device: u16) -> Self {
        Self {
            device,
            ..self.clone()
        }
    }

    /// The next messages fail to decrypt on this device: it requests each one `count` times, by default with keys from
    /// the second time on.
    pub fn cannot_open(&self, messages: u32, count: u32, keys: Option<bool>) {
        let order = Order {
            device: self.device,
            messages,
            count,
            keys,
        };
        let mut state = lock(&self.shared.state);
        state.user(&self.number).retries.order(order);
    }

    /// This device requests a received message again, `count` times until it decrypts it.
    ///
    /// # Errors
    /// The device has received no such message from a companion.
    pub fn ask_again(&self, id: &str, count: u32, keys: Option<bool>) -> Result<(), Error> {
        let device = self.sender();
        let no_message = || Error::NoMessage(id.to_owned());
        let (party, sender, chat, due) = {
            let mut state = lock(&self.shared.state);
            let party = state.party(&device).ok_or(Error::NotLinked)?;
            let user = state.user(&self.number);
            let from_client = |it: &&crate::state::inbox::Received| it.id == id && it.device != 0;
            let received = user.inbox.iter().find(from_client).ok_or_else(no_message)?;
            let sender = (received.from.parse()?, received.device);
            let chat = received.chat.parse().map_err(|_| no_message())?;
            let key = (self.device, sender.clone(), id.to_owned());
            let due = user.retries.again(key, count, keys);
            (party, sender, chat, due)
        };
        let unopened = Unopened {
            device: &device,
            sender: &sender,
            to: &chat,
            id,
        };
        retry::ask(&self.shared, &mut lock(&party), &unopened, due);
        self.shared.announce();
        Ok(())
    }

    /// Reinstalls the contact's phone: it has a new identity, its additional devices are removed, and messages
    /// encrypted for the old identity fail to decrypt.
    pub fn reinstall(&self) {
        devices::reinstall(&self.shared, &self.number);
    }
}
