//! strace's text.
