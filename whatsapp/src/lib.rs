//! One account's connection to WhatsApp, and what of it is kept. The only crate that knows WhatsApp's library.
//!
//! ```text
//! session  a set of credentials and its connections: dialling, what arrives, what is sent
//! store    what the library keeps, as rows of the vault; what of a backup lives on; a Baileys folder taken over
//! ```

pub mod session;
pub mod store;
