//! The servers for external callers. Each module translates requests, and makes no decisions about the link.

pub mod grpc;
pub mod http;
