//! The phones of accounts and contacts: they send, encrypt again on request, send receipts, and serve their
//! companions.

pub(crate) mod app_state;
pub(crate) mod bootstrap;
pub(crate) mod calls;
pub(crate) mod devices;
pub(crate) mod group;
pub(crate) mod media;
pub(crate) mod notices;
pub(crate) mod peer_data;
pub(crate) mod poll;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod raw;
pub(crate) mod receipts;
pub(crate) mod resend;
pub(crate) mod restrictions;
pub(crate) mod retry;
pub(crate) mod reupload;
pub(crate) mod seal;
pub(crate) mod send;
pub(crate) mod shown;
pub(crate) mod tokens;
pub(crate) mod unasked;
