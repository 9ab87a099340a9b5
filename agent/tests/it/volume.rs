//! The volume: its content and keys, and restarts after every kind of exit.

mod keys;
mod moved;
mod places;
mod restart;
mod secrets;
