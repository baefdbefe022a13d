//! Functions that speak netlink inside libc, where no hook sees the bytes: recorded as calls, and where
//! a window can be opened, what they say with them.

use core::ffi::{c_char, c_int};

use libc::{addrinfo, ifaddrs};
use nlproto::Function;
use nlproto::function::{CAUGHT, PARTLY_CAUGHT};

use crate::config::{self, Libc};
use crate::interpose::{hooks, real};
use crate::link;
use crate::record::{self, Before, Call};

/// Such a function has begun. Its hook may never come back to what is here.
#[derive(Clone, Copy)]
struct Inside {
    before: Before,
    /// Whether there is, or was, a window.
    has_window: bool,
}

impl Inside {
    /// Begins, for a hook that stands at `frame` on the stack.
    fn begin(frame: usize) -> Option<Self> {
        let libc = config::current()?.libc;
        if libc == Libc::Off {
            return None;
        }
        link::settle();
        let before = Before::anywhere()?;
        let has_window = libc == Libc::Capture && open_window(frame);
        Some(Self { before, has_window })
    }

    /// Ends, and records the call.
    fn end(self, call: Call, errno_counts: bool) {
        let caught = match self.has_window {
            true if close_window() => CAUGHT,
            true => PARTLY_CAUGHT,
            false => 0,
        };
        record::internal(self.before, call.flags(caught), errno_counts);
    }
}

#[cfg(target_arch = "x86_64")]
fn open_window(frame: usize) -> bool {
    crate::process::current().is_some_and(|process| crate::window::open(process, frame))
}

#[cfg(target_arch = "x86_64")]
fn close_window() -> bool {
    crate::process::current().is_some_and(crate::window::close)
}

#[cfg(not(target_arch = "x86_64"))]
fn open_window(_frame: usize) -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn close_window() -> bool {
    false
}

hooks! {
    unsafe fn getifaddrs(list: *mut *mut ifaddrs) -> c_int => on_getifaddrs {
        let inside = Inside::begin((&raw const list).addr());
        // SAFETY: the caller's own argument.
        let ret = unsafe { real!(getifaddrs)(list) };
        if let Some(inside) = inside {
            inside.end(Call::new(Function::Getifaddrs, -1, ret), true);
        }
        ret
    }

    unsafe fn getaddrinfo(
        node: *const c_char,
        service: *const c_char,
        hints: *const addrinfo,
        list: *mut *mut addrinfo,
    ) -> c_int => on_getaddrinfo {
        // SAFETY: null, or what the function itself reads in any case.
        let flags = unsafe { hints.as_ref() }.map(|hints| hints.ai_flags);
        // Only then does it ask which address families the system has.
        let asks = flags.is_none_or(|flags| flags & libc::AI_ADDRCONFIG != 0);
        let frame = (&raw const list).addr();
        let inside = if asks { Inside::begin(frame) } else { None };
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(getaddrinfo)(node, service, hints, list) };
        if let Some(inside) = inside {
            let call = Call::new(Function::Getaddrinfo, -1, ret);
            inside.end(call, ret == libc::EAI_SYSTEM);
        }
        ret
    }

    unsafe fn if_nameindex() -> *mut libc::if_nameindex => on_if_nameindex {
        let mark = 0_u8;
        let inside = Inside::begin((&raw const mark).addr());
        // SAFETY: takes no arguments.
        let list = unsafe { real!(if_nameindex)() };
        if let Some(inside) = inside {
            let ret = if list.is_null() { -1 } else { 0 };
            inside.end(Call::new(Function::IfNameindex, -1, ret), true);
        }
        list
    }
}
