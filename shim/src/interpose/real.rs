//! A function behind ours.

use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::symbol::Libraries;

/// The function that a name would lead to if this library were not there, of type `F`.
///
/// Found once, by the constructor; before that whenever it is asked for. There is no lock: whoever
/// looks at the same time finds the same.
pub(crate) struct Real<F> {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
    function: PhantomData<F>,
}

impl<F: Copy> Real<F> {
    /// Not yet looked for.
    ///
    /// # Safety
    /// `F` is a type of function pointers, and the function of that name, where there is one, is of
    /// this type; where there may be none, [`Self::is_there`] is asked first.
    pub(crate) const unsafe fn new(name: &'static CStr) -> Self {
        const { assert!(size_of::<F>() == size_of::<*const c_void>()) };
        Self { name, address: AtomicPtr::new(ptr::null_mut()), function: PhantomData }
    }

    /// Finds it.
    pub(crate) fn find(&self, libraries: &Libraries) {
        find(self.name, &self.address, libraries);
    }

    fn address(&self) -> *const c_void {
        let address = self.address.load(Ordering::Acquire);
        if address.is_null() { look(self.name, &self.address) } else { address }
    }

    /// Whether there is one.
    pub(crate) fn is_there(&self) -> bool {
        !ptr::eq(self.address(), absent as *const c_void)
    }

    /// The function.
    pub(crate) fn get(&self) -> F {
        let address = self.address();
        // SAFETY: as large as a pointer, and a function of this type by the promise to `new`.
        unsafe { core::mem::transmute_copy(&address) }
    }
}

fn find(name: &CStr, place: &AtomicPtr<c_void>, libraries: &Libraries) -> *const c_void {
    let found = libraries.function(name);
    let address = if found.is_null() { absent as *const c_void } else { found };
    place.store(address.cast_mut(), Ordering::Release);
    address
}

/// Finds a function where nobody has yet, which takes more of the stack than a hook may.
#[cold]
#[inline(never)]
fn look(name: &CStr, place: &AtomicPtr<c_void>) -> *const c_void {
    find(name, place, &Libraries::behind())
}

/// Stands for a function that there is not.
extern "C" fn absent() -> isize {
    crate::sys::set_errno(libc::ENOSYS);
    -1
}
