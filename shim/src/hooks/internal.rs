//! Functions that speak netlink inside libc, where no hook sees the bytes: recorded as calls.

use core::ffi::{c_char, c_int};

use libc::{addrinfo, ifaddrs};
use nlproto::Function;

use crate::interpose::{hooks, real};
use crate::record::{self, Before, Call};

hooks! {
    unsafe fn getifaddrs(list: *mut *mut ifaddrs) -> c_int => on_getifaddrs {
        let before = Before::anywhere();
        // SAFETY: the caller's own argument.
        let ret = unsafe { real!(getifaddrs)(list) };
        if let Some(before) = before {
            record::internal(before, Call::new(Function::Getifaddrs, -1, ret), true);
        }
        ret
    }

    unsafe fn getaddrinfo(
        node: *const c_char,
        service: *const c_char,
        hints: *const addrinfo,
        list: *mut *mut addrinfo,
    ) -> c_int => on_getaddrinfo {
        let before = Before::anywhere();
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(getaddrinfo)(node, service, hints, list) };
        if let Some(before) = before {
            // SAFETY: null, or what the function has just read.
            let hints = unsafe { hints.as_ref() };
            // Only then does it ask which address families the system has.
            if hints.is_none_or(|hints| hints.ai_flags & libc::AI_ADDRCONFIG != 0) {
                let call = Call::new(Function::Getaddrinfo, -1, ret);
                record::internal(before, call, ret == libc::EAI_SYSTEM);
            }
        }
        ret
    }

    unsafe fn if_nameindex() -> *mut libc::if_nameindex => on_if_nameindex {
        let before = Before::anywhere();
        // SAFETY: takes no arguments.
        let list = unsafe { real!(if_nameindex)() };
        if let Some(before) = before {
            let ret = if list.is_null() { -1 } else { 0 };
            record::internal(before, Call::new(Function::IfNameindex, -1, ret), true);
        }
        list
    }
}
