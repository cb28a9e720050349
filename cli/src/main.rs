//! The `latchkey` command.
mod document;
fn main() {}
