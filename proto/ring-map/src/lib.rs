//! The memory that a traced program and `nlview` share, behind a safe interface.
//!
//! Both sides map a memory file that is sealed against shrinking, so that no access can fault
//! whatever the other side does. Everything shared is accessed through atomic words, or copied: no
//! reference to it is ever given out. What the words mean is [`nlproto::ring`]'s.
//!
//! This crate is small so that it can be read whole: it is the only unsafe code that the viewer
//! relies on. It calls the kernel by number ([`kernel`]), since the shim hooks libc's functions.
#![no_std]

pub mod kernel;

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use nlproto::ring::{Layout, Word, Words};

/// The seals without which a file is not mapped: it can neither shrink nor grow.
const SEALS: c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;

/// Why a file is not mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The kernel refuses, and says why.
    Kernel(kernel::Errno),
    /// It is no memory file that is sealed against changes of its length.
    NotSealed,
    /// Its length is not that of a ring.
    Length(u64),
}

/// What a mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading and writing.
    Shared,
    /// Reading what nobody writes any more: stores are left out.
    Rest,
}

/// A mapped ring.
#[derive(Debug)]
pub struct Map {
    base: NonNull<u8>,
    layout: Layout,
    access: Access,
}

// SAFETY: the memory is shared with other processes in any case, and every access is atomic or a
// copy into or out of it; the mapping itself changes only when its one owner drops it.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

/// Makes a sealed memory file of this layout's length, closed on exec.
///
/// Callers see to it that the length is within the limit on file sizes, or the kernel may answer
/// with a signal.
///
/// # Errors
/// [`Error::Kernel`].
fn create(layout: Layout) -> Result<c_int, Error> {
    let flags = (libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) as usize;
    let name = c"nlring".as_ptr().expose_provenance();
    // SAFETY: a terminated name.
    let fd = unsafe { kernel::call(libc::SYS_memfd_create, [name, flags, 0, 0, 0, 0]) };
    let fd = c_int::try_from(fd.map_err(Error::Kernel)?).unwrap_or(-1);
    // SAFETY: touches no memory.
    let sized =
        unsafe { kernel::call(libc::SYS_ftruncate, [argument(fd), layout.file_len(), 0, 0, 0, 0]) };
    match sized.and_then(|_zero| control(fd, libc::F_ADD_SEALS, SEALS)) {
        Ok(_) => Ok(fd),
        Err(e) => {
            close(fd);
            Err(Error::Kernel(e))
        }
    }
}

fn close(fd: c_int) {
    // It is lost in any case.
    // SAFETY: touches no memory; the descriptor is ours.
    let _closed = unsafe { kernel::call(libc::SYS_close, [argument(fd), 0, 0, 0, 0, 0]) };
}

/// Sees to it that nobody can write to a memory file any more, which fails as long as anybody has it
/// mapped for writing: so it tells whether the last producer is gone.
pub fn seal_if_unmapped(fd: c_int) -> bool {
    control(fd, libc::F_ADD_SEALS, libc::F_SEAL_WRITE).is_ok()
}

/// An int as a register holds it.
const fn argument(value: c_int) -> usize {
    (value as isize).cast_unsigned()
}

fn control(fd: c_int, command: c_int, value: c_int) -> Result<usize, kernel::Errno> {
    let arguments = [argument(fd), argument(command), argument(value), 0, 0, 0];
    // SAFETY: only for commands that take an integer or nothing.
    unsafe { kernel::call(libc::SYS_fcntl, arguments) }
}

fn file_len(fd: c_int) -> Result<u64, Error> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [argument(fd), stat.as_mut_ptr().expose_provenance(), 0, 0, 0, 0];
    // SAFETY: on 64-bit systems libc's structure is the kernel's.
    unsafe { kernel::call(libc::SYS_fstat, arguments) }.map_err(Error::Kernel)?;
    // SAFETY: zeroed, which is a value, then written by the kernel.
    Ok(u64::try_from(unsafe { stat.assume_init_ref() }.st_size).unwrap_or(0))
}

impl Map {
    /// Maps a memory file, if it is sealed and has the length of a ring.
    ///
    /// # Errors
    /// It has not, or the kernel refuses.
    pub fn new(fd: c_int, access: Access) -> Result<Self, Error> {
        let seals = control(fd, libc::F_GET_SEALS, 0).unwrap_or(0);
        if seals & argument(SEALS) != argument(SEALS) {
            return Err(Error::NotSealed);
        }
        let len = file_len(fd)?;
        Self::mapped(fd, Layout::of_file(len).ok_or(Error::Length(len))?, access)
    }

    /// Makes a sealed memory file of this layout, and maps it. Returns its descriptor as well.
    ///
    /// # Errors
    /// [`Error::Kernel`].
    pub fn create(layout: Layout) -> Result<(c_int, Self), Error> {
        let fd = create(layout)?;
        match Self::mapped(fd, layout, Access::Shared) {
            Ok(map) => Ok((fd, map)),
            Err(e) => {
                close(fd);
                Err(e)
            }
        }
    }

    /// Maps a memory file of this layout's length, which cannot change.
    fn mapped(fd: c_int, layout: Layout, access: Access) -> Result<Self, Error> {
        let (protection, flags) = match access {
            Access::Shared => (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED),
            Access::Rest => (libc::PROT_READ, libc::MAP_PRIVATE),
        };
        let arguments =
            [0, layout.file_len(), argument(protection), argument(flags), argument(fd), 0];
        // SAFETY: a new mapping at a place of the kernel's choice.
        let base = unsafe { kernel::call(libc::SYS_mmap, arguments) }.map_err(Error::Kernel)?;
        let base = NonNull::new(core::ptr::with_exposed_provenance_mut(base));
        let base = base.ok_or(Error::Kernel(libc::ENOMEM))?;
        Ok(Self { base, layout, access })
    }

    /// Where things are in it.
    #[must_use]
    #[inline]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    #[inline]
    fn word(&self, word: Word) -> Option<&AtomicU64> {
        let offset = self.layout.offset(word)?;
        // SAFETY: the layout's offsets lie within the mapping, whose length is the layout's.
        let place = unsafe { self.base.add(offset) }.cast::<AtomicU64>();
        // SAFETY: aligned, as the mapping begins a page and the offsets of words are multiples of 8;
        // mapped, and not to be lost since the file cannot shrink, as long as `self` is borrowed; and
        // only ever accessed atomically.
        Some(unsafe { place.as_ref() })
    }

    /// Adds to a word.
    pub fn add(&self, word: Word, count: u64) {
        if let (Some(word), Access::Shared) = (self.word(word), self.access) {
            word.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The data from a position on, of `len` bytes, to be written; `None` if they would not lie before
    /// the end.
    #[inline]
    pub fn room(&self, position: u64, len: usize) -> Option<Room<'_>> {
        let (start, Access::Shared) = (self.layout.data(position, len)?, self.access) else {
            return None;
        };
        // SAFETY: the layout has just said that it lies within the mapping.
        let base = unsafe { self.base.add(start) };
        Some(Room { base, len, map: PhantomData })
    }

    /// Has the processor fetch what a record of `len` bytes at a position would write to, so that its
    /// writer need not wait for it.
    #[inline]
    pub fn prefetch(&self, position: u64, len: usize) {
        /// Most lines that are worth it: a writer of more waits for memory in any case.
        const MAX_LINES: usize = 4;
        const LINE_LEN: usize = 64;
        let granules = self.layout.granules();
        let slot = self.layout.offset(Word::Slot(position & granules.wrapping_sub(1)));
        let data = self.layout.data(position, LINE_LEN);
        let (Some(slot), Some(data)) = (slot, data) else { return };
        let lines = len.div_ceil(LINE_LEN).min(MAX_LINES);
        prefetch_for_writing(self.base.as_ptr().wrapping_add(slot));
        for line in 0..lines {
            // Beyond the end it is but a hint in vain.
            let offset = data.wrapping_add(line.wrapping_mul(LINE_LEN));
            prefetch_for_writing(self.base.as_ptr().wrapping_add(offset));
        }
    }

    /// Copies a slice into the data from a position on; false, and nothing is copied, if it would not
    /// lie before the end.
    pub fn put(&self, position: u64, bytes: &[u8]) -> bool {
        let Some(room) = self.room(position, bytes.len()) else { return false };
        // SAFETY: a slice is valid for reads of its length.
        unsafe { room.copy_in(0, bytes.as_ptr(), bytes.len()) }
    }

    /// Copies bytes out of the data from a position on; false, and nothing is copied, if they would
    /// not lie before the end.
    ///
    /// Word by word, each atomically: a program that misbehaves may be writing meanwhile, and then
    /// gets what it wrote last or before, but the viewer's copy is one thing from then on.
    pub fn copy_out(&self, position: u64, to: &mut [u8]) -> bool {
        let Some(start) = self.layout.data(position, to.len()) else { return false };
        let word = |index: usize| {
            let offset = start.wrapping_add(index.wrapping_mul(size_of::<u64>()));
            // SAFETY: the data begins and ends at multiples of 8, so the whole of a word lies within
            // the mapping if its first byte does, as the layout has just said.
            let place = unsafe { self.base.add(offset) }.cast::<AtomicU64>();
            // SAFETY: as in `word`; mapped pages hold a value in any case.
            unsafe { place.as_ref() }.load(Ordering::Relaxed).to_ne_bytes()
        };
        let (words, rest) = to.as_chunks_mut::<{ size_of::<u64>() }>();
        for (index, to) in words.iter_mut().enumerate() {
            *to = word(index);
        }
        if !rest.is_empty() {
            for (to, from) in rest.iter_mut().zip(word(words.len())) {
                *to = from;
            }
        }
        true
    }
}

/// Space for a record's bytes.
#[derive(Debug)]
pub struct Room<'m> {
    base: NonNull<u8>,
    len: usize,
    /// Mapped as long as this.
    map: PhantomData<&'m Map>,
}

impl Room<'_> {
    /// Copies `len` bytes to an offset; false, and nothing is copied, if they do not fit.
    ///
    /// # Safety
    /// `from` is valid for reads of `len` bytes.
    #[inline]
    pub unsafe fn copy_in(&self, offset: usize, from: *const u8, len: usize) -> bool {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return false;
        }
        // SAFETY: within the room, which lies within the mapping.
        let to = unsafe { self.base.add(offset) };
        // SAFETY: readable by the caller's promise, writable as above. They do not overlap: nobody
        // but this crate knows where the mapping is. The viewer does not read what is not committed.
        unsafe { core::ptr::copy_nonoverlapping(from, to.as_ptr(), len) };
        true
    }
}

/// A hint to the processor, which takes any address.
#[inline]
fn prefetch_for_writing(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: changes nothing, and no address is wrong.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

impl Words for Map {
    #[inline]
    fn load(&self, word: Word) -> u64 {
        self.word(word).map_or(0, |word| word.load(Ordering::Acquire))
    }

    #[inline]
    fn store(&self, word: Word, value: u64) {
        if let (Some(word), Access::Shared) = (self.word(word), self.access) {
            word.store(value, Ordering::Release);
        }
    }

    #[inline]
    fn replace(&self, word: Word, old: u64, new: u64) -> Result<(), u64> {
        match (self.word(word), self.access) {
            (Some(word), Access::Shared) => {
                word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).map(|_old| ())
            }
            _ => Err(old.wrapping_add(1)),
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let arguments = [self.base.as_ptr().addr(), self.layout.file_len(), 0, 0, 0, 0];
        // It cannot fail for a mapping that there is.
        // SAFETY: the mapping is this value's own, and no borrow of it is left.
        let _unmapped = unsafe { kernel::call(libc::SYS_munmap, arguments) };
    }
}
