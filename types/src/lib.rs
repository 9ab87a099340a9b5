//! What an agent and its client both name: phone numbers, LIDs and chats, with one parser for each.
//!
//! No I/O, no wire type, no clock.

mod contact;
mod phone;

pub use contact::{ChatId, Contact, Lid, LidError, Recipient, RecipientError};
pub use phone::{Phone, PhoneError};
