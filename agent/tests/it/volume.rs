//! The volume: what is on it, who may open it, and that an agent continues where it was, however it ended.

mod keys;
mod moved;
mod places;
mod restart;
mod secrets;
