//! `libnlhook.so`, preloaded into a program, hands every netlink call it makes to `nlview`.

mod config;
mod fdtable;
mod hooks;
mod init;
mod link;
mod process;
mod real;
mod record;
mod sys;
mod view;
