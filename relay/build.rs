//! How a release is linked.

#[path = "../release/link.rs"]
mod link;

fn main() {
    link::drop_unwind_tables();
}
