//! Process hardening: keeps secrets inside the process, and limits the damage of a compromise.
//!
//! The only crate of the workspace with `unsafe` code; each use has its reason next to it. Linux only. It does not
//! depend on WhatsApp, the vault or the agent's settings, does not log, and starts no thread.
//!
//! # In `main`, in this order
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use openclaw_harden::{environment, privileges, process, sandbox};
//!
//! // 1. Remove secrets from the environment block; this replaces the process image if there are any.
//! let secrets = environment::take(&["OPENCLAW_AUTH_KEY", "OPENCLAW_AUTH_PASSPHRASE"])?;
//! // 2. Drop root privileges (settings must be loaded by now).
//! let dir = std::path::Path::new("/app/auth");
//! let dropped = privileges::drop_if_wanted(privileges::Setting::Auto, &[dir])?;
//! // 3. After the change of user, which would reset it.
//! let protection = process::protect(process::Inspection::Refused);
//! // 4. Last, before the first thread.
//! let report = sandbox::Sandbox::new().read_write(dir).apply();
//! // … run; after an unpair:
//! Err(openclaw_harden::replace_process(&secrets).into())
//! # }
//! ```
//!
//! Also use [`ZeroOnFree`] as the global allocator, [`scrub_stack`] before a thread parks, and [`LockedKey`] for the
//! data key.

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
