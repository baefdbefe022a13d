//! Hooks without the standard library.

/// Defines hooks, and a `resolve` that finds the functions behind them all.
macro_rules! hooks {
    ($(
        unsafe fn $name:ident($($v:ident: $t:ty),* $(,)?) -> $r:ty => $hook:ident $body:block
    )*) => {
        $(
            // SAFETY: the program's own calls of libc's function come here.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($v: $t),*) -> $r {
                // SAFETY: the caller's own arguments.
                unsafe { $hook($($v),*) }
            }

            unsafe fn $hook($($v: $t),*) -> $r $body
        )*

        /// The functions behind.
        #[allow(non_upper_case_globals, reason = "named after the functions")]
        mod behind {
            use super::*;
            use $crate::interpose::Real;
            $(
                pub(super) static $name: Real<unsafe extern "C" fn($($t),*) -> $r> =
                    // SAFETY: the hook has the function's own type.
                    unsafe { Real::new($crate::hooks::c_name!($name)) };
            )*
        }

        /// Finds the functions, those that there are.
        pub(super) fn resolve() {
            $(behind::$name.find();)*
        }
    };
}

/// Functions are found when they are first used.
pub(crate) const IS_LAZY: bool = true;

/// There is nothing that would have to be done with before functions are used.
pub(crate) fn set_done() {}

/// Whether libc has a hooked function of the calling module.
macro_rules! is_there {
    ($name:ident) => {
        behind::$name.is_there()
    };
}

/// The function behind a hook of the calling module.
macro_rules! real {
    ($name:ident) => {
        behind::$name.get()
    };
}

pub(crate) use {hooks, is_there, real};

/// Nothing in the library can panic, so that the linker leaves this out; but the compiler asks for it.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: takes no arguments and does not return.
    unsafe { libc::abort() }
}
