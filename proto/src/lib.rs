//! The gRPC contract of the OpenClaw agent, package `openclaw.agent.v1`.
//!
//! The .proto files under `proto/` are the reference; this crate holds the Rust generated from
//! them, the words of its enums, its JSON shape (feature `json`), and the descriptors for server reflection. `Debug` of a
//! message shows nothing unless tests/generated lists it.

pub mod convert;
#[cfg(feature = "json")]
mod json;
mod redacted;
mod shortcuts;
mod word;

pub use word::Word;

/// Package `openclaw.agent.v1`.
#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    unused_qualifications
)]
pub mod v1 {
    include!("gen/openclaw.agent.v1.rs");
}

/// The encoded `FileDescriptorSet` of the contract, for gRPC server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");

/// The `domain` of every `google.rpc.ErrorInfo` that an agent answers with.
pub const ERROR_DOMAIN: &str = "openclaw.agent";

/// The key in `google.rpc.ErrorInfo.metadata` whose value says what to do next.
pub const ERROR_HINT: &str = "hint";
