//! Network clients: enrolment, roles and limits, and revocation.

mod calls;
mod enrolment;
mod keeping;
mod limits;
mod pinned;
mod revocation;
mod seats;
mod strangers;
