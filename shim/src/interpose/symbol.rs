//! Where a function's name leads behind this library, by the loaded libraries' own symbol tables.
//!
//! dlsym would say, but where it lives changes with the C library: up to glibc 2.33 in a library of its
//! own, which not every program has loaded. Tables and hashes are those of the ELF specification
//! (elf(5)) and of the GNU hash section that all linkers write.

use core::ffi::{CStr, c_int, c_void};
use core::ptr;

use libc::{Elf64_Ehdr, Elf64_Phdr, Elf64_Sym, PT_DYNAMIC, PT_LOAD, dl_phdr_info};

const DT_NULL: u64 = 0;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
const DT_VERSYM: u64 = 0x6fff_fff0;

/// A version that is not the default one has this bit.
const HIDDEN: u16 = 1 << 15;
/// The type of a function, in the low bits of `st_info`.
const STT_FUNC: u8 = 2;
const TYPE_MASK: u8 = 0xf;

/// Most libraries that are looked at. libc is among the first ones that anything depends on.
const MAX_LIBRARIES: usize = 64;

/// The libraries loaded behind this one, in the order of their search.
pub(crate) struct Libraries {
    all: [Library; MAX_LIBRARIES],
    count: usize,
    /// This one has been passed.
    is_behind: bool,
}

impl Libraries {
    /// Those that are loaded now.
    pub(crate) fn behind() -> Self {
        let mut libraries =
            Self { all: [Library::NONE; MAX_LIBRARIES], count: 0, is_behind: false };
        for is_behind in [false, true] {
            // Loaded by dlopen, this library stands behind what it depends on: then all count.
            libraries.is_behind = is_behind;
            // SAFETY: `look` takes the libraries, which outlive the call.
            unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut libraries).cast::<c_void>()) };
            if libraries.count > 0 {
                break;
            }
        }
        libraries
    }

    /// Where a name leads; null if nowhere.
    pub(crate) fn function(&self, name: &CStr) -> *const c_void {
        let libraries = self.all.get(..self.count).unwrap_or(&[]);
        libraries.iter().find_map(|library| library.function(name)).unwrap_or(ptr::null())
    }
}

/// A function of the kernel's own library, which it maps into every process; null if there is none.
pub(crate) fn of_kernel(name: &CStr) -> *const c_void {
    // SAFETY: reads the auxiliary vector.
    let base = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    if base == 0 {
        return ptr::null();
    }
    let header = pointer::<Elf64_Ehdr>(base);
    // SAFETY: where the kernel says that the library begins, which begins with its header.
    let header = unsafe { header.read() };
    let info = dl_phdr_info {
        dlpi_addr: base,
        dlpi_phdr: pointer(base.wrapping_add(header.e_phoff)),
        dlpi_phnum: header.e_phnum,
        // SAFETY: of the rest, which is not looked at, zero is a value.
        ..unsafe { core::mem::zeroed() }
    };
    Library::new(&info).and_then(|library| library.function(name)).unwrap_or(ptr::null())
}

/// Called for each library, in the order of their search.
unsafe extern "C" fn look(info: *mut dl_phdr_info, _len: usize, search: *mut c_void) -> c_int {
    // SAFETY: what `behind` handed over, and nobody else uses meanwhile.
    let search = unsafe { &mut *search.cast::<Libraries>() };
    // SAFETY: the loader's description of a library.
    let info = unsafe { &*info };
    if contains(info, (look as *const c_void).addr()) {
        search.is_behind = true;
        return 0;
    }
    if !search.is_behind {
        return 0;
    }
    let Some(library) = Library::new(info) else { return 0 };
    let Some(place) = search.all.get_mut(search.count) else { return 1 };
    *place = library;
    search.count = search.count.saturating_add(1);
    0
}

fn headers(info: &dl_phdr_info) -> &[Elf64_Phdr] {
    if info.dlpi_phdr.is_null() {
        return &[];
    }
    // SAFETY: the loader says that there are so many, and keeps them while it calls us.
    unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) }
}

fn contains(info: &dl_phdr_info, address: usize) -> bool {
    headers(info).iter().filter(|header| header.p_type == PT_LOAD).any(|header| {
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        (address as u64).wrapping_sub(start) < header.p_memsz
    })
}

/// The tables of a loaded library. They are its own, mapped as long as it is loaded.
#[derive(Clone, Copy)]
struct Library {
    base: u64,
    symbols: *const Elf64_Sym,
    strings: *const u8,
    versions: *const u16,
    gnu_hash: *const u32,
    hash: *const u32,
}

impl Library {
    const NONE: Self = Self {
        base: 0,
        symbols: ptr::null(),
        strings: ptr::null(),
        versions: ptr::null(),
        gnu_hash: ptr::null(),
        hash: ptr::null(),
    };

    fn new(info: &dl_phdr_info) -> Option<Self> {
        let base = info.dlpi_addr;
        let dynamic = headers(info).iter().find(|header| header.p_type == PT_DYNAMIC)?;
        let mut entry = pointer::<[u64; 2]>(base.wrapping_add(dynamic.p_vaddr));
        let mut library = Self { base, ..Self::NONE };
        loop {
            // SAFETY: within the array, which DT_NULL ends.
            let [tag, value] = unsafe { entry.read() };
            // Some loaders have put the base in already, some leave it to the reader.
            let address = if value < base { base.wrapping_add(value) } else { value };
            match tag {
                DT_NULL => break,
                DT_SYMTAB => library.symbols = pointer(address),
                DT_STRTAB => library.strings = pointer(address),
                DT_VERSYM => library.versions = pointer(address),
                DT_GNU_HASH => library.gnu_hash = pointer(address),
                DT_HASH => library.hash = pointer(address),
                _ => {}
            }
            entry = entry.wrapping_add(1);
        }
        let is_whole = !library.symbols.is_null() && !library.strings.is_null();
        is_whole.then_some(library)
    }

    /// The function of this name, in its default version.
    fn function(&self, name: &CStr) -> Option<*const c_void> {
        let index =
            if self.gnu_hash.is_null() { self.by_hash(name)? } else { self.by_gnu_hash(name)? };
        // SAFETY: an index out of the hash table is one of the symbol table.
        let symbol = unsafe { self.symbols.wrapping_add(index).read() };
        Some(pointer(self.base.wrapping_add(symbol.st_value)))
    }

    fn by_gnu_hash(&self, name: &CStr) -> Option<usize> {
        let hash = name
            .to_bytes()
            .iter()
            .fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte)));
        // SAFETY: the section begins with four words.
        let [buckets, first, blooms, shift] =
            unsafe { self.gnu_hash.cast::<[u32; 4]>().read() }.map(|word| word as usize);
        if buckets == 0 || blooms == 0 {
            return None;
        }
        // Words of 64 bits, in which two bits are set for each name that there is.
        let filter = self.gnu_hash.wrapping_add(4).cast::<u64>();
        // SAFETY: one of the filter's words.
        let word = unsafe { filter.wrapping_add(hash as usize / 64 % blooms).read() };
        let second = hash.wrapping_shr(u32::try_from(shift).unwrap_or(0));
        if word >> (hash % 64) & word >> (second % 64) & 1 == 0 {
            return None;
        }
        let table = filter.wrapping_add(blooms).cast::<u32>();
        let chains = table.wrapping_add(buckets);
        // SAFETY: one of the table's entries.
        let mut index = unsafe { table.wrapping_add(hash as usize % buckets).read() } as usize;
        while let Some(at) = index.checked_sub(first) {
            // SAFETY: the chain's words are there up to one whose lowest bit is set.
            let word = unsafe { chains.wrapping_add(at).read() };
            if word | 1 == hash | 1 && self.is(index, name) {
                return Some(index);
            }
            if word & 1 != 0 {
                break;
            }
            index = index.wrapping_add(1);
        }
        None
    }

    fn by_hash(&self, name: &CStr) -> Option<usize> {
        if self.hash.is_null() {
            return None;
        }
        let hash = name.to_bytes().iter().fold(0_u32, |hash, byte| {
            let hash = (hash << 4).wrapping_add(u32::from(*byte));
            let high = hash & 0xf000_0000;
            (hash ^ (high >> 24)) & !high
        });
        // SAFETY: the section begins with two words.
        let [buckets, symbols] =
            unsafe { self.hash.cast::<[u32; 2]>().read() }.map(|word| word as usize);
        if buckets == 0 {
            return None;
        }
        let table = self.hash.wrapping_add(2);
        let chains = table.wrapping_add(buckets);
        // SAFETY: one of the table's entries.
        let mut index = unsafe { table.wrapping_add(hash as usize % buckets).read() } as usize;
        while index != 0 && index < symbols {
            if self.is(index, name) {
                return Some(index);
            }
            // SAFETY: there is one a symbol.
            index = unsafe { chains.wrapping_add(index).read() } as usize;
        }
        None
    }

    /// Whether a symbol is the default version of a function of this name, and defined here.
    fn is(&self, index: usize, name: &CStr) -> bool {
        // SAFETY: an index out of the hash table is one of the symbol table.
        let symbol = unsafe { self.symbols.wrapping_add(index).read() };
        if symbol.st_shndx == 0 || symbol.st_info & TYPE_MASK != STT_FUNC {
            return false;
        }
        if !self.versions.is_null() {
            // SAFETY: there is one a symbol.
            let version = unsafe { self.versions.wrapping_add(index).read() };
            if version & HIDDEN != 0 {
                return false;
            }
        }
        let string = self.strings.wrapping_add(symbol.st_name as usize);
        // SAFETY: the string table's strings are terminated.
        unsafe { CStr::from_ptr(string.cast()) == name }
    }
}

fn pointer<T>(address: u64) -> *const T {
    ptr::with_exposed_provenance(usize::try_from(address).unwrap_or(0))
}
