//! The `spanward` command.
fn main() {}
