//! Where a function's name leads behind this library, by the loaded libraries' own symbol tables.
//!
//! dlsym would say, but where it lives changes with the C library: up to glibc 2.33 in a library of its
//! own, which not every program has loaded. Tables and hashes are those of the ELF specification
//! (elf(5)) and of the GNU hash section that all linkers write.

use core::ffi::{CStr, c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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

/// Most libraries that are remembered. libc is among the first ones that anything depends on.
const MAX_LIBRARIES: usize = 32;

/// Where a library lies, and where what it says of itself.
struct Place {
    base: AtomicU64,
    dynamic: AtomicU64,
}

/// The libraries behind this one, in the order of their search, up to libc. They were loaded along with the
/// program, and stay as long as it runs.
static BEHIND: [Place; MAX_LIBRARIES] =
    [const { Place { base: AtomicU64::new(0), dynamic: AtomicU64::new(0) } }; MAX_LIBRARIES];

/// How many of them there are; 0 if libc is not behind this library.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Finds the libraries behind; the constructor calls it. `false` if functions are to be found at once: this
/// library was itself loaded when the program ran, and those that it depends on stand before it.
pub(crate) fn start() -> bool {
    let mut found = 0_usize;
    let mut has_libc = false;
    each(true, &mut |info, dynamic| {
        let Some(place) = BEHIND.get(found) else { return true };
        place.base.store(info.dlpi_addr, Ordering::Relaxed);
        place.dynamic.store(dynamic, Ordering::Relaxed);
        found = found.saturating_add(1);
        has_libc = contains(info, (libc::dl_iterate_phdr as *const c_void).addr());
        has_libc
    });
    if has_libc {
        COUNT.store(found, Ordering::Release);
    }
    has_libc
}

/// Where a function's name leads; null if nowhere. Once the constructor has run it takes no lock, no
/// allocation and no system call for what libc has.
pub(crate) fn behind(name: &CStr) -> *const c_void {
    let places = BEHIND.get(..COUNT.load(Ordering::Acquire)).unwrap_or(&[]);
    let known = places.iter().find_map(|place| {
        let base = place.base.load(Ordering::Relaxed);
        Library::new(base, place.dynamic.load(Ordering::Relaxed))?.function(name)
    });
    let among = |is_behind| {
        let mut found = None;
        each(is_behind, &mut |info, dynamic| {
            let library = Library::new(info.dlpi_addr, dynamic);
            found = library.and_then(|library| library.function(name));
            found.is_some()
        });
        found
    };
    known.or_else(|| among(true)).or_else(|| among(false)).unwrap_or(ptr::null())
}

/// Looks at a library, which says there what it has; whether that was enough.
type Look<'a> = &'a mut dyn FnMut(&dl_phdr_info, u64) -> bool;

/// A walk through the loaded libraries.
struct Walk<'a> {
    look: Look<'a>,
    /// Whether this one has been passed, or all but this one count.
    is_behind: bool,
}

/// Looks at the loaded libraries in the order of their search: those behind this one, or all others.
fn each(is_behind: bool, look: Look<'_>) {
    let mut walk = Walk { look, is_behind: !is_behind };
    // SAFETY: `step` takes the walk, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(step), (&raw mut walk).cast::<c_void>()) };
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
    let mut info = dl_phdr_info {
        dlpi_addr: base,
        dlpi_phdr: pointer(base.wrapping_add(header.e_phoff)),
        dlpi_phnum: header.e_phnum,
        // SAFETY: of the rest, which is not looked at, zero is a value.
        ..unsafe { core::mem::zeroed() }
    };
    // The kernel's is linked for address 0, the one of an emulator (qemu's) for where it lies.
    let first = headers(&info).iter().find(|header| header.p_type == PT_LOAD);
    let Some(start) = first.map(|first| first.p_vaddr.wrapping_sub(first.p_offset)) else {
        return ptr::null();
    };
    info.dlpi_addr = base.wrapping_sub(start);
    let library = dynamic(&info).and_then(|dynamic| Library::new(info.dlpi_addr, dynamic));
    library.and_then(|library| library.function(name)).unwrap_or(ptr::null())
}

/// Called for each library, in the order of their search.
unsafe extern "C" fn step(info: *mut dl_phdr_info, _len: usize, walk: *mut c_void) -> c_int {
    // SAFETY: what `each` handed over, and nobody else uses meanwhile.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the loader's description of a library.
    let info = unsafe { &*info };
    if contains(info, (step as *const c_void).addr()) {
        walk.is_behind = true;
        return 0;
    }
    let dynamic = if walk.is_behind { dynamic(info) } else { None };
    c_int::from(dynamic.is_some_and(|dynamic| (walk.look)(info, dynamic)))
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

/// Where a library says what it has.
fn dynamic(info: &dl_phdr_info) -> Option<u64> {
    let header = headers(info).iter().find(|header| header.p_type == PT_DYNAMIC)?;
    Some(info.dlpi_addr.wrapping_add(header.p_vaddr))
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

    fn new(base: u64, dynamic: u64) -> Option<Self> {
        let mut entry = pointer::<[u64; 2]>(dynamic);
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
