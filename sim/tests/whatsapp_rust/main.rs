//! The simulator against an independent client: the whatsapp-rust library over a real socket.

mod calls;
mod channels;
mod client;
mod communities;
mod contents;
mod control;
mod faults;
mod groups;
mod hosted;
#[path = "../support/http.rs"]
mod http;
mod limits;
mod logs;
mod media;
mod messages;
mod notices;
mod numbers;
mod offline;
mod pairing;
mod passkeys;
mod peer_data;
mod plain_http;
mod profile;
mod resend;
mod restrictions;
