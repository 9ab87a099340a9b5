//! Tells somebody outside when the link needs a person: over a webhook, signed, at least once, and never with a
//! message's text or a whole number.

mod settings;
mod signature;

pub use settings::{Address, BadAddress, Error, Format, KeyPlace, SECRET, SECRETS, Settings, URL};
pub use signature::{BadKey, SigningKey};
