//! How the library is linked.

fn main() {
    // A dlclose must not take code away that the program's threads are running.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // Binding a symbol at its first call takes 3 KB of a stack that may be a small signal stack.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,now");
    println!("cargo:rerun-if-changed=build.rs");
}
