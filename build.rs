//! Has the crate built anew when a migration is added or the page was built anew: the compiler knows
//! only the files that it has read.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=web/dist");
}
