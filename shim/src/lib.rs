//! `libnlhook.so`, preloaded into a program, hands every netlink call it makes to `nlview`.
//!
//! # Promises
//!
//! Each with the test that holds it, in `tests/tests/hooks/`.
//!
//! 1. The real call happens exactly once, first, with the caller's own arguments; its result and
//!    errno reach the caller untouched. (`every_call_is_made_exactly_once`,
//!    `results_errno_and_bad_pointers_are_as_without`; that no hook can panic, which redhook would
//!    answer with a second call: `no_hook_can_reach_a_panic`)
//! 2. The program behaves as without us: no thread, no lock, no allocation on the hook path, no change
//!    to its descriptors but one, parked high, where a link needs one; and no signal handler, but for
//!    SIGSYS while a window into libc is open, in a program that has none for it.
//!    (`descriptors_and_threads_are_as_without`, `hooks_do_not_allocate`,
//!    `a_signal_handler_that_sends_is_recorded_whole`)
//! 3. It reads no memory that the kernel has not just accepted.
//!    (`results_errno_and_bad_pointers_are_as_without`)
//! 4. It writes to no descriptor that is not its own, even when the program closes all descriptors,
//!    puts its own under our numbers, forks or execs.
//!    (`a_program_that_closes_everything_gets_no_foreign_byte`)
//! 5. A program without netlink is not even connected. With no viewer it costs next to nothing and changes
//!    nothing. A slow viewer costs one bounded
//!    wait; a dead one is forgotten. (`a_program_without_netlink_does_not_even_connect`,
//!    `without_a_viewer_there_is_nothing`,
//!    `a_stopped_viewer_costs_one_bounded_wait_and_every_loss_is_counted`,
//!    `a_dead_viewer_is_forgotten`, `nobody_waits_for_a_viewer_that_does_not_accept`)
//! 6. Loss is never silent: frames are numbered, and what is known to be lost is a record.
//!    (`a_stopped_viewer_costs_one_bounded_wait_and_every_loss_is_counted`,
//!    `a_full_disk_loses_records_and_says_so`)
//! 7. It does not interpret netlink. It knows sockets, calls and bytes, and records of them what the
//!    kernel moved. (`every_hooked_call_is_recorded_to_the_byte`,
//!    `nothing_but_netlink_is_recorded`)
//! 8. It works in whatever the program does: threads, every kind of fork, exec, closed standard
//!    descriptors, small stacks, tight limits. (`each_kind_of_child_is_recorded_as_itself`,
//!    `threads_are_recorded_whatever_becomes_of_them`,
//!    `a_program_that_confines_itself_lives_and_is_recorded`, `a_limit_on_file_sizes_never_ends_the_program`)
//!
//! # System calls of our own
//!
//! A record into a ring takes none. A socket seen for the first time takes a few, one that is used after a
//! while an fstat, a record over a descriptor an fstat and a sendmsg (writev for a file). Calls on anything
//! else take none. Once the program has put itself under a seccomp filter the shim makes none at all
//! (`confinement`).
//!
//! # The path of a call
//!
//! `hooks` → the real call → `record` asks `fdtable` whether it was netlink → `view` says
//! where the bytes lie → `link` has them gathered into a frame. `interpose` is how the hooks come to
//! stand in front of libc's functions, `window` how what libc says inside itself is seen, `process` and
//! `thread` are what a fork changes, `config` is what the environment says, `sys` the kernel. `unsafe` lives
//! in `hooks`, `interpose`, `view`, `thread`, `window`, `sys` and `init` only.
#![cfg_attr(feature = "portable", no_std)]

mod config;
mod confinement;
mod fdtable;
mod hooks;
mod init;
mod interpose;
mod link;
mod process;
mod record;
mod sys;
mod thread;
mod view;
#[cfg(target_arch = "x86_64")]
mod window;
