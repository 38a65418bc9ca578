//! Has the crate built anew when a migration is added: the compiler knows only those it has read.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
