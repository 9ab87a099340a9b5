//! Clients elsewhere: how they become known, what they may do, and how that ends.

mod calls;
mod enrolment;
mod keeping;
mod limits;
mod revocation;
mod seats;
mod strangers;
