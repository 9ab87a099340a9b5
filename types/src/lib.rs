//! What an agent and its client both name: phone numbers, LIDs, chats and texts, with one parser for each.
//!
//! What a person gives is read strictly and refused by name; what WhatsApp or the store gives is taken as it is.
//! No I/O, no wire type, no clock. `corpus/numbers.tsv` lists odd inputs and the one answer that every reader gives.

mod contact;
pub mod corpus;
mod lid;
pub mod mask;
mod phone;
mod recipient;
mod text;

pub use contact::{ChatId, Contact};
pub use lid::{Lid, LidError};
pub use phone::{Phone, PhoneError};
pub use recipient::{Recipient, RecipientError};
pub use text::{MAX_TEXT_CHARS, Text, TextError};
