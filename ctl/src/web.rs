//! A page in a browser on this computer: an HTTP server on loopback that lets in one browser and serves one [`Site`].
//!
//! `gate` decides which requests are answered, `server` bounds them, `notice` explains refusals to a person. None of
//! them knows what the page is about. The page itself is plain HTML, CSS and JavaScript, embedded in the program.

mod announce;
mod browser;
mod files;
mod gate;
mod notice;
mod response;
mod server;

pub(crate) use announce::{announce, opens};
pub(crate) use response::Answer;
pub(crate) use server::{ANSWER_TIMEOUT, Call, Server, Site};
