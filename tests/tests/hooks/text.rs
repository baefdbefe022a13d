//! Prints a call as `tests/hooks/tracee.h` prints those it expects.

use std::fmt::Write;

use nlproto::{Call, Function, Origin};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string has room");
        text
    })
}

/// As C's `%#x` prints it.
fn flags(value: i32) -> String {
    if value == 0 { "0".to_owned() } else { format!("{value:#x}") }
}

/// One line of everything that a tracee can foresee.
pub(crate) fn line(call: &Call<'_>, bytes: &[u8]) -> String {
    let head = &call.head;
    let (function, origin) = Origin::split(head.function);
    let function = Function::from_number(function).expect("a known function");
    let origin = match origin {
        Origin::Program => "",
        Origin::Syscall => "syscall:",
        Origin::Libc => "libc:",
    };
    let lens: Vec<String> = call.iov_lens().map(|len| len.to_string()).collect();
    let [a, b, c] = head.args;
    format!(
        "{origin}{} fd={} ret={} errno={} flags={} msg_flags={} message={}/{} iov={}[{}] buf={} name={}:{} \
         control={}:{} args={a},{b},{c} total={} payload={}",
        function.name(),
        head.fd,
        head.ret,
        head.errno,
        flags(head.flags),
        flags(head.msg_flags),
        head.index,
        head.count,
        head.iov_count,
        lens.join(","),
        head.buf_len,
        head.name_len,
        hex(call.name),
        head.control_len,
        hex(call.control),
        head.payload_total,
        hex(bytes),
    )
}
