//! Bytes of the program, by address and length; nothing here reads them.
#![forbid(unsafe_code)]

use core::ffi::c_void;
use core::ptr;

use libc::iovec;

use crate::confinement;
use crate::sys::memory;

/// Bytes somewhere in the program.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Span(iovec);

impl Span {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self(iovec { iov_base: ptr::null_mut(), iov_len: 0 });

    /// So many bytes from `base`.
    pub(crate) fn new(base: *const c_void, len: usize) -> Self {
        Self(iovec { iov_base: base.cast_mut(), iov_len: len })
    }

    /// The bytes of a slice.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::new(bytes.as_ptr().cast::<c_void>(), bytes.len())
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.iov_len
    }

    /// Where they begin.
    pub(super) fn base(&self) -> *const u8 {
        self.0.iov_base.cast::<u8>()
    }

    /// At most the first `len` bytes.
    pub(crate) fn first(&self, len: usize) -> Self {
        Self::new(self.0.iov_base, self.len().min(len))
    }

    /// Whether they lie in the memory page of something that is mapped.
    pub(super) fn is_near(&self, mapped: *const c_void) -> bool {
        /// Smallest page size there is.
        const PAGE_LEN: usize = 4096;
        let page = |address: usize| address / PAGE_LEN;
        let first = self.0.iov_base.addr();
        let last = first.saturating_add(self.len().saturating_sub(1));
        page(first) == page(mapped.addr()) && page(last) == page(first)
    }

    /// Whether the kernel can read the first and the last bytes; no, where it may not be asked.
    pub(super) fn is_readable(&self) -> bool {
        if confinement::is_confined() {
            return self.len() == 0;
        }
        const WINDOW: usize = memory::WINDOW_LEN;
        let start = self.0.iov_base.cast::<u8>();
        let end = start.wrapping_add(self.len()).wrapping_sub(WINDOW);
        match self.len() {
            0 => true,
            // The windows reach beyond the bytes, perhaps into what cannot be read.
            1..WINDOW => memory::is_readable(start) || memory::is_readable(end),
            _ => memory::is_readable(start) && memory::is_readable(end),
        }
    }

    /// What follows the first `len` bytes.
    pub(crate) fn after(&self, len: usize) -> Self {
        let len = len.min(self.len());
        let base = self.0.iov_base.cast::<u8>().wrapping_add(len);
        Self::new(base.cast::<c_void>(), self.len().saturating_sub(len))
    }
}

impl From<iovec> for Span {
    fn from(iovec: iovec) -> Self {
        Self(iovec)
    }
}
