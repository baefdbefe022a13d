//! A function behind ours.

use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::symbol;

/// The function that a name would lead to if this library were not there, of type `F`.
///
/// Found when it is first asked for: most programs use few. There is no lock: whoever looks at the same time
/// finds the same.
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

    /// Finds it, if nobody has yet.
    pub(crate) fn find(&self) {
        self.address();
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

/// Finds a function where nobody has yet.
#[cold]
#[inline(never)]
fn look(name: &CStr, place: &AtomicPtr<c_void>) -> *const c_void {
    let found = symbol::behind(name);
    let address = if found.is_null() { absent as *const c_void } else { found };
    place.store(address.cast_mut(), Ordering::Release);
    address
}

/// Stands for a function that there is not.
extern "C" fn absent() -> isize {
    crate::sys::set_errno(libc::ENOSYS);
    -1
}
