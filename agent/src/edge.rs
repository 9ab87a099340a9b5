//! Where the agent meets its callers. Each room translates, and decides nothing of the link.

pub mod grpc;
pub mod http;
