//! How the library is linked.

fn main() {
    // A dlclose must not take code away that the program's threads are running.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // Binding a symbol at its first call takes 3 KB of a stack that may be a small signal stack.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,now");
    if std::env::var_os("CARGO_FEATURE_PORTABLE").is_some() {
        // Neither the compiler's start files nor its libraries: libc alone.
        for argument in ["-nostartfiles", "-nodefaultlibs", "-lc"] {
            println!("cargo:rustc-cdylib-link-arg={argument}");
        }
        // Every program's start pays for each segment, and for what is made read-only after binding:
        // here that is a dozen addresses, beside the real functions', which must stay writable.
        for argument in ["-Wl,-z,norelro", "-Wl,-z,noseparate-code"] {
            println!("cargo:rustc-cdylib-link-arg={argument}");
        }
        // Nor does it pay for constants apart from code, and data across two pages, as Rust's own linker has
        // them.
        if has_gnu_linker() {
            println!("cargo:rustc-cdylib-link-arg=-fuse-ld=bfd");
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
}

/// Whether the linker of the GNU binutils is there, for programs of this machine.
fn has_gnu_linker() -> bool {
    let is_native = std::env::var_os("HOST") == std::env::var_os("TARGET");
    let asked = std::process::Command::new("ld.bfd").arg("--version").output();
    is_native && asked.is_ok_and(|said| said.status.success())
}
