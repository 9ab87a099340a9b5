//! The simulator against a client that nobody here wrote: the whatsapp-rust library over a real socket.

mod client;
mod faults;
mod groups;
mod logs;
mod messages;
mod offline;
mod pairing;
