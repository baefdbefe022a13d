//! Structs that carry their own length.

use super::{spec, strace_value};

const OP: &str =
    "- {name: op, type: struct, members: [{name: code, type: u8}, {name: len, type: u8},
    {name: pad, type: pad, len: 2}]}
- {name: pair, type: struct, members: [{name: a, type: u16}, {name: b, type: u16}]}";

#[test]
fn each_is_followed_by_a_form_that_it_chooses() {
    let spec = spec(
        OP,
        "type: records, struct: op, length-member: len, body: {type: union, selector: struct.code,
            formats: [{value: 1, type: u32}, {value: 2, type: binary, struct: pair}]}",
    );
    let bytes = [[1, 8, 0, 0], [7, 0, 0, 0], [2, 8, 0, 0], [3, 0, 4, 0], [3, 4, 0, 0]].concat();
    assert_eq!(
        strace_value(&spec, &bytes),
        "[[{code=1, len=8}, 7], [{code=2, len=8}, {a=3, b=4}], {code=3, len=4}]"
    );
}

#[test]
fn a_length_of_nothing_ends_them() {
    let spec = spec(OP, "type: records, struct: op, length-member: len, body: {type: u32}");
    let bytes = [[1, 0, 0, 0], [7, 0, 0, 0]].concat();
    let shown = strace_value(&spec, &bytes);
    assert!(shown.starts_with("[{code=1, len=0}"), "{shown}");
}
