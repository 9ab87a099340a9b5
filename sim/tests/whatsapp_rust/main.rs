//! The simulator against a client that nobody here wrote: the whatsapp-rust library over a real socket.

mod client;
mod contents;
mod control;
mod faults;
mod groups;
#[path = "../support/http.rs"]
mod http;
mod logs;
mod media;
mod messages;
mod offline;
mod pairing;
mod peer_data;
mod plain_http;
mod profile;
mod resend;
mod restrictions;
