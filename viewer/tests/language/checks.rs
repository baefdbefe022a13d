//! What `--check` finds: each thing that can be wrong with a request, beside one that has nothing wrong.

use nlview::decode::{Asked, Direction, Engine, Nlmsghdr, NoRequests, Requests, Wanted};
use nlview::output::check::{Check, Level, Tally};
use nlview::output::{Datagram, Output as _};
use serde_json::Value;

use super::{FAMILY, GENERIC, Known, STYLE, attr, message, registry};

const ROUTE: u32 = 0;
const CONNECTOR: u32 = 11;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const ASKS: u16 = 5;
const NESTED: u16 = 0x8000;
const NEWLINK: u16 = 16;
const NEWNEXTHOP: u16 = 104;
const NEWLINKPROP: u16 = 108;
const NLCTRL: u16 = 16;

/// The request that all answers answer.
struct One<'r>(&'r [u8]);

impl Requests for One<'_> {
    fn asked(&self, _answer: &Nlmsghdr) -> Option<Asked<'_>> {
        Some(Asked::once(self.0))
    }
}

/// What is found in a datagram, as objects.
fn objects(
    specs: &[&str],
    requests: &dyn Requests,
    level: Level,
    (protocol, direction, bytes): (u32, Direction, &[u8]),
) -> Vec<Value> {
    let registry = registry(specs);
    let engine = Engine { registry: &registry, names: &Known, requests };
    let tally = Tally::new(level);
    let mut out = Vec::new();
    let datagram = Datagram { protocol, direction, bytes, record: 1, wanted: Wanted::All };
    Check::new(&STYLE, &tally, true).datagram(&engine, &datagram, &mut out);
    let lines = out.split_inclusive(|b| *b == b'\n');
    let objects: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!(tally.count(), objects.len() as u64);
    objects
}

/// Code, path and place of all that is found.
fn places(objects: &[Value]) -> Vec<String> {
    let place = |object: &Value| {
        let path = object["path"].as_array().unwrap();
        let path: Vec<_> = path.iter().map(|name| name.as_str().unwrap()).collect();
        format!("{} {} {}", object["code"].as_str().unwrap(), path.join("."), object["at"])
    };
    objects.iter().map(place).collect()
}

fn sent(specs: &[&str], protocol: u32, bytes: &[u8]) -> Vec<String> {
    places(&objects(specs, &NoRequests, Level::All, (protocol, Direction::Send, bytes)))
}

fn received(bytes: &[u8]) -> Vec<String> {
    places(&objects(&[], &NoRequests, Level::All, (ROUTE, Direction::Receive, bytes)))
}

/// A link message with these attributes.
fn link(attrs: &[Vec<u8>]) -> Vec<u8> {
    message(NEWLINK, ASKS, &[vec![0; 16], attrs.concat()].concat())
}

fn of_link(attrs: &[Vec<u8>]) -> Vec<String> {
    sent(&[], ROUTE, &link(attrs))
}

/// An attribute that says that it has another length.
fn lying(ty: u16, payload: &[u8], len: u16) -> Vec<u8> {
    let mut bytes = attr(ty, payload);
    bytes[..2].copy_from_slice(&len.to_ne_bytes());
    bytes
}

/// A message of a generic family.
fn generic(family: u16, head: [u8; 4], attrs: &[Vec<u8>]) -> Vec<u8> {
    message(family, ASKS, &[head.to_vec(), attrs.concat()].concat())
}

/// A message with other flags.
fn with_flags(flags: u16, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes
}

#[test]
fn what_is_right_is_not_mentioned() {
    let info = attr(18, &[attr(1, b"vlan"), attr(2, &attr(1, &5u16.to_ne_bytes()))].concat());
    let name = attr(3, b"v0\0");
    // Old nests of links go without the flag, and texts without a NUL.
    assert_eq!(of_link(&[name, attr(4, &[1, 0, 0, 0]), info]), [""; 0]);
    assert_eq!(of_link(&[attr(3, b"v0")]), [""; 0]);
    // The last attribute needs no padding.
    let mut bytes = link(&[attr(3, b"v0\0")]);
    bytes.truncate(39);
    bytes[0] = 39;
    assert_eq!(sent(&[], ROUTE, &bytes), [""; 0]);
    // The connector's messages are of this type, and need no flag.
    assert_eq!(sent(&[], CONNECTOR, &message(3, 0, &[0; 20])), [""; 0]);
    assert_eq!(sent(&[], GENERIC, &generic(NLCTRL, [3, 1, 0, 0], &[attr(1, &[16, 0])])), [""; 0]);
}

#[test]
fn lengths() {
    let name = || attr(3, b"v0\0");
    let rest = [link(&[name()]), vec![1, 2, 3]].concat();
    assert_eq!(sent(&[], ROUTE, &rest), ["short-header  40"]);
    let zeros = [link(&[name()]), vec![0; 128]].concat();
    assert_eq!(sent(&[], ROUTE, &zeros), ["trailing-bytes  40"]);
    let mut long = link(&[]);
    long[0] = 33;
    assert_eq!(sent(&[], ROUTE, &long), ["length-too-long  0"]);
    long[0] = 15;
    assert_eq!(sent(&[], ROUTE, &long), ["length-too-small  0"]);
    assert_eq!(of_link(&[lying(3, b"v0\0", 60)]), ["length-too-long IFLA_IFNAME 32"]);
    assert_eq!(of_link(&[lying(3, b"", 3)]), ["length-too-small IFLA_IFNAME 32"]);
    assert_eq!(of_link(&[name(), vec![1, 2]]), ["short-header  40"]);
    assert_eq!(sent(&[], ROUTE, &message(NEWLINK, ASKS, &[0; 3])), ["short-struct  16"]);
    assert_eq!(of_link(&[attr(4, &[1])]), ["wrong-size IFLA_MTU 36"]);
    assert_eq!(of_link(&[attr(4, &[])]), ["wrong-size IFLA_MTU 36"]);
    assert_eq!(of_link(&[attr(4, &[1, 0, 0, 0, 0])]), ["trailing-bytes IFLA_MTU 40"]);
    let mut deep = Vec::new();
    for _ in 0..40 {
        deep = attr(NESTED | 999, &deep);
    }
    let found = of_link(&[deep]);
    assert!(found.iter().any(|found| found.starts_with("too-deep 999.999.")), "{found:?}");
}

#[test]
fn padding() {
    let mut name = attr(3, b"v0\0");
    name[7] = 1;
    let mtu = || attr(4, &[1, 0, 0, 0]);
    assert_eq!(of_link(&[name, mtu()]), ["padding-not-zero IFLA_IFNAME 39"]);
    let mut name = attr(3, b"v0\0");
    name.truncate(7);
    let found = of_link(&[name, mtu()]);
    assert_eq!(found.first().unwrap(), "padding-missing IFLA_IFNAME 39");
    // Between messages.
    let first = |pad: &[u8]| {
        let mut first = link(&[attr(3, b"v0\0")]);
        first.truncate(39);
        first[0] = 39;
        [&first, pad].concat()
    };
    let second = link(&[]);
    let both = |pad| sent(&[], ROUTE, &[first(pad), second.clone()].concat());
    assert_eq!(both(&[0]), [""; 0]);
    assert_eq!(both(&[1]), ["padding-not-zero  39"]);
    assert_eq!(both(&[]).first().unwrap(), "padding-missing  39");
    // Within a struct: what a link message has after its address family.
    let bytes = message(NEWLINK, ASKS, &[[0, 9].as_slice(), &[0; 14]].concat());
    assert_eq!(sent(&[], ROUTE, &bytes), ["padding-not-zero  17"]);
}

#[test]
fn nested_flags() {
    let hop = |attrs: &[Vec<u8>]| {
        message(NEWNEXTHOP, ASKS, &[vec![2, 0, 0, 0, 0, 0, 0, 0], attrs.concat()].concat())
    };
    let group = |flag| hop(&[attr(flag | 12, &attr(1, &[8, 0]))]);
    assert_eq!(sent(&[], ROUTE, &group(NESTED)), [""; 0]);
    assert_eq!(sent(&[], ROUTE, &group(0)), ["nested-flag-missing NHA_RES_GROUP 24"]);
    // What is in a sub-message is held to the rules of whoever reads it; itself it is held to these.
    let encap = |flag| {
        let kind = attr(7, &[1, 0]);
        hop(&[kind, attr(flag | 8, &attr(1, &[7, 0, 0, 0]))])
    };
    assert_eq!(sent(&[], ROUTE, &encap(NESTED)), [""; 0]);
    assert_eq!(sent(&[], ROUTE, &encap(0)), ["nested-flag-missing NHA_ENCAP 32"]);
    let names = |flag| {
        let names = [attr(53, b"one\0"), attr(53, b"two\0")].concat();
        message(NEWLINKPROP, ASKS, &[vec![0; 16], attr(flag | 52, &names)].concat())
    };
    assert_eq!(sent(&[], ROUTE, &names(NESTED)), [""; 0]);
    assert_eq!(sent(&[], ROUTE, &names(0)), ["nested-flag-missing IFLA_PROP_LIST 32"]);
    let mtu = attr(NESTED | 4, &[1, 0, 0, 0]);
    assert_eq!(of_link(&[mtu]), ["nested-flag-unexpected IFLA_MTU 32"]);
}

#[test]
fn what_nobody_knows() {
    assert_eq!(of_link(&[attr(999, &[1])]), ["unknown-attribute 999 32"]);
    assert_eq!(sent(&[], ROUTE, &message(999, ASKS, &[])), [""; 0]);
    assert_eq!(sent(&[], ROUTE, &message(999, ASKS, &[0; 4])), ["unknown-message  0"]);
    // Nothing is known of the whole protocol.
    assert_eq!(sent(&[], 25, &message(999, ASKS, &[0; 4])), [""; 0]);
    let command = generic(NLCTRL, [99, 1, 0, 0], &[]);
    assert_eq!(sent(&[], GENERIC, &command), ["unknown-command  16"]);
    let name = || attr(3, b"v0\0");
    assert_eq!(of_link(&[name(), name()]), ["duplicate-attribute IFLA_IFNAME 40"]);
}

#[test]
fn what_is_reserved() {
    let bytes = link(&[]);
    let flags = |flags| sent(&[], ROUTE, &with_flags(flags, &bytes));
    assert_eq!(flags(ASKS | 0x600), [""; 0]);
    assert_eq!(flags(ASKS | 0x40), ["reserved  0"]);
    // Only answers say that more will follow.
    assert_eq!(flags(ASKS | 2), ["reserved  0"]);
    assert_eq!(flags(4), ["no-request-flag  0"]);
    assert_eq!(sent(&[], ROUTE, &message(1, ASKS, &[])), ["control-message-sent  0"]);
    let head = generic(NLCTRL, [3, 1, 5, 0], &[attr(1, &[16, 0])]);
    assert_eq!(sent(&[], GENERIC, &head), ["reserved genlmsghdr 18"]);
    assert_eq!(of_link(&[attr(0, &[])]), ["reserved IFLA_UNSPEC 32"]);
}

const SPEC: &str = "
name: t
definitions:
- {name: e, type: enum, entries: [one, two]}
- {name: f, type: flags, entries: [a, b]}
- {name: top, type: const, value: 9}
- {name: s, type: struct, members: [{name: v, type: u8}, {name: resv, type: u8, nonzero: true}]}
attribute-sets:
- name: a
  name-prefix: a-
  attributes:
  - {name: number, type: u8, checks: {min: 2, max: top}}
  - {name: signed, type: s32, checks: {min: -1}}
  - {name: text, type: string, checks: {min-len: 2, max-len: 3}}
  - {name: loose, type: string, checks: {unterminated-ok: true}}
  - {name: bytes, type: binary, checks: {exact-len: 4}}
  - {name: one, type: u32, enum: e}
  - {name: some, type: u32, enum: f}
  - {name: masked, type: u8, checks: {flags-mask: 3}}
  - {name: nest, type: nest, nested-attributes: a}
  - {name: old, type: nest, nested-attributes: a, dont-validate: [strict]}
  - {name: page, type: u32, checks: {max: page-size}}
operations:
  name-prefix: c-
  list:
  - {name: one, attribute-set: a, do: {request: {}}}
  - {name: two, attribute-set: a, dont-validate: [strict], do: {request: {}}}
  - {name: three, attribute-set: a, dont-validate: [dump], do: {request: {}}, dump: {request: {}}}
  - {name: four, attribute-set: a, fixed-header: s, do: {request: {}}}
";

fn of_spec(command: u8, attrs: &[Vec<u8>]) -> Vec<String> {
    sent(&[SPEC], GENERIC, &generic(FAMILY, [command, 1, 0, 0], attrs))
}

#[test]
fn what_a_spec_checks() {
    let one = |ty, payload: &[u8]| of_spec(1, &[attr(ty, payload)]);
    for right in [2, 9] {
        assert_eq!(one(1, &[right]), [""; 0]);
    }
    assert_eq!(one(1, &[1]), ["below-minimum A_NUMBER 24"]);
    assert_eq!(one(1, &[10]), ["above-maximum A_NUMBER 24"]);
    assert_eq!(one(2, &(-1i32).to_ne_bytes()), [""; 0]);
    assert_eq!(one(2, &(-2i32).to_ne_bytes()), ["below-minimum A_SIGNED 24"]);
    for right in [b"ab\0".as_slice(), b"abc\0"] {
        assert_eq!(one(3, right), [""; 0]);
    }
    assert_eq!(one(3, b"a\0"), ["too-short A_TEXT 24"]);
    assert_eq!(one(3, b"abcd\0"), ["too-long A_TEXT 24"]);
    assert_eq!(one(3, b"abc"), ["unterminated-string A_TEXT 24"]);
    assert_eq!(one(4, b"abc"), [""; 0]);
    assert_eq!(one(5, &[1; 4]), [""; 0]);
    assert_eq!(one(5, &[1; 5]), ["wrong-size A_BYTES 24"]);
    assert_eq!(one(6, &[1, 0, 0, 0]), [""; 0]);
    assert_eq!(one(6, &[7, 0, 0, 0]), ["unknown-value A_ONE 24"]);
    assert_eq!(one(7, &[3, 0, 0, 0]), [""; 0]);
    assert_eq!(one(7, &[4, 0, 0, 0]), ["unknown-bits A_SOME 24"]);
    assert_eq!(one(8, &[3]), [""; 0]);
    assert_eq!(one(8, &[4]), ["unknown-bits A_MASKED 24"]);
    // How large a page is depends on the machine.
    assert_eq!(one(11, &[255; 4]), [""; 0]);
    let found = of_spec(1, &[attr(NESTED | 9, &attr(1, &[1]))]);
    assert_eq!(found, ["below-minimum A_NEST.A_NUMBER 28"]);
    // A member that is reserved.
    assert_eq!(
        sent(&[SPEC], GENERIC, &generic(FAMILY, [4, 1, 0, 0], &[vec![1, 0, 0, 0]])),
        [""; 0]
    );
    let found = sent(&[SPEC], GENERIC, &generic(FAMILY, [4, 1, 0, 0], &[vec![1, 7, 0, 0]]));
    assert_eq!(found, ["reserved  21"]);
}

#[test]
fn who_is_strict() {
    let nest = || attr(9, &attr(6, &[7, 0, 0, 0]));
    // Newer generic families are.
    let found = ["nested-flag-missing A_NEST 20", "unknown-value A_NEST.A_ONE 28"];
    assert_eq!(of_spec(1, &[nest()]), found);
    assert_eq!(of_spec(2, &[nest()]), [""; 0]);
    assert_eq!(of_spec(3, &[nest()]), found);
    let dump = with_flags(ASKS | 0x300, &generic(FAMILY, [3, 1, 0, 0], &[nest()]));
    assert_eq!(sent(&[SPEC], GENERIC, &dump), [""; 0]);
    assert_eq!(of_spec(1, &[attr(10, &attr(6, &[7, 0, 0, 0]))]), [""; 0]);
    // Older ones are not.
    let old = SPEC.replace("name: t\n", "name: t\nprotocol: genetlink-legacy\n");
    let bytes = generic(FAMILY, [1, 1, 0, 0], &[nest()]);
    assert_eq!(sent(&[&old], GENERIC, &bytes), [""; 0]);
    let said = old.replace("operations:\n", "operations:\n  dont-validate: []\n");
    assert_eq!(sent(&[&said], GENERIC, &bytes), found);
}

#[test]
fn answers_are_held_to_their_lengths_alone() {
    let odd = link(&[attr(999, &[1]), attr(NESTED | 4, &[1, 0, 0, 0]), attr(0, &[])]);
    assert_eq!(received(&with_flags(0xffff, &odd)), [""; 0]);
    assert_eq!(received(&link(&[lying(3, b"v0\0", 60)])), ["length-too-long IFLA_IFNAME 32"]);
    assert_eq!(received(&message(NEWLINK, 0, &[0; 3])), ["short-struct  16"]);
}

/// The request that is answered.
fn request() -> Vec<u8> {
    link(&[attr(18, &attr(1, b"x"))])
}

/// An error with the request's header, and attributes of an extended ack.
fn answer(errno: i32, attrs: &[Vec<u8>]) -> Vec<u8> {
    let head = request()[..16].to_vec();
    message(2, 0x300, &[errno.to_ne_bytes().to_vec(), head, attrs.concat()].concat())
}

#[test]
fn what_the_kernel_answers() {
    let asked = request();
    let show =
        |level, bytes: &[u8]| objects(&[], &One(&asked), level, (ROUTE, Direction::Receive, bytes));
    let both = |bytes: &[u8]| {
        let all = show(Level::All, bytes);
        assert_eq!(all, show(Level::Errors, bytes));
        all
    };
    assert_eq!(both(&answer(0, &[])), [Value::Null; 0]);
    let culprit = [attr(1, b"no good\0"), attr(2, &36u32.to_ne_bytes())];
    let found = both(&answer(-22, &culprit));
    assert_eq!(places(&found), ["kernel-error IFLA_LINKINFO.IFLA_INFO_KIND 36"]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found["text"], "EINVAL \"no good\"");
    assert_eq!(found["message"], "RTM_NEWLINK");
    assert_eq!(found["error"], serde_json::json!({"name": "EINVAL", "number": 22}));
    assert_eq!(found["extack"], "no good");
    let found = both(&message(3, 2, &(-19i32).to_ne_bytes()));
    assert_eq!(places(&found), ["dump-error  null"]);
    assert_eq!(found[0]["text"], "ENODEV (No such device)");
    assert_eq!(both(&message(3, 2, &[0; 4])), [Value::Null; 0]);
    // What is said of a success is no error.
    let said = answer(0, &[attr(1, b"beware\0")]);
    assert_eq!(places(&show(Level::All, &said)), ["kernel-warning  null"]);
    assert_eq!(show(Level::Errors, &said), [Value::Null; 0]);
}

#[test]
fn every_code_is_explained() {
    let page = include_str!("../../docs/check.md");
    let sources = [
        include_str!("../../src/decode/issue.rs"),
        include_str!("../../src/output/check.rs"),
        include_str!("../../src/output/check/visit.rs"),
    ];
    let is_code = |word: &&str| {
        word.contains('-') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let codes: Vec<_> = sources.iter().flat_map(|text| text.split('"')).filter(is_code).collect();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn errors_alone() {
    let bytes = link(&[attr(999, &[1])]);
    let found = objects(&[], &NoRequests, Level::Errors, (ROUTE, Direction::Send, &bytes));
    assert_eq!(found, [Value::Null; 0]);
}
