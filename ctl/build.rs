//! How a release is linked.

include!("../release/link.rs");
