//! What a process can do to keep its secrets to itself, and to lose little when it is broken into.
//!
//! The one crate of the workspace that may say `unsafe`; each use has its reason next to it. Linux only. It knows
//! nothing of WhatsApp, the vault or the agent's settings, logs nothing, and starts no thread.
//!
//! # In `main`, in this order
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use openclaw_harden::{environment, privileges, process, sandbox};
//!
//! // 1. Secrets leave the environment block; the process image is replaced if there were any.
//! let secrets = environment::take(&["OPENCLAW_AUTH_KEY", "OPENCLAW_AUTH_PASSPHRASE"])?;
//! // 2. From root to no one (settings must be read by now).
//! let dir = std::path::Path::new("/app/auth");
//! let dropped = privileges::drop_if_wanted(privileges::Setting::Auto, &[dir])?;
//! // 3. After the change of user, which resets it.
//! let protection = process::protect(process::Inspection::Refused);
//! // 4. Last, before the first thread.
//! let report = sandbox::Sandbox::new().read_write(dir).apply();
//! // … run; and after an unpair:
//! Err(openclaw_harden::replace_process(&secrets).into())
//! # }
//! ```
//!
//! Next to it: [`ZeroOnFree`] as the global allocator, [`scrub_stack`] whenever a thread rests,
//! [`LockedKey`] for the key that opens everything else.

mod alloc;
pub mod environment;
mod page;
pub mod privileges;
pub mod process;
mod replace;
pub mod sandbox;
mod stack;
mod status;
mod wipe;

pub use alloc::ZeroOnFree;
pub use page::LockedKey;
pub use replace::{Error as ReplaceError, replace_process};
pub use stack::{SCRUBBED_BYTES, scrub_stack};
