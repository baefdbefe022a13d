//! What the decoder would say about some messages, and calls around them, for the tests of formats.

use super::CallRecord;
use crate::decode::{
    AttrHead, Direction, Engine, Hint, Issue, IssueKind, List, MessageHead, Nlmsghdr, NoNames,
    NoRequests, Opaque, Order, Slot, StructHead, TextKind, Value, Visitor,
};
use crate::decode::{Entry, Enum, StructStyle, Wanted};
use crate::spec::Registry;
use crate::state::process::Process;
use nlproto::{Call, CallHead, Function, Hello, Origin, Socket};

/// `struct sockaddr_nl` of port id 77 in group 5.
pub(super) const ADDRESS: [u8; 12] = [16, 0, 0, 0, 77, 0, 0, 0, 16, 0, 0, 0];

/// Shows a call by `function`, changed by `edit`, on a netlink route socket.
pub(super) fn call(
    function: Function,
    payload: &[u8],
    name: &[u8],
    edit: impl FnOnce(&mut CallHead),
    show: impl FnOnce(&CallRecord<'_>),
) {
    let mut head = CallHead {
        function: function as u32,
        fd: 3,
        tid: 4242,
        enter_ns: 123_456_000,
        exit_ns: 123_456_789,
        ret: i64::try_from(payload.len()).unwrap_or(0),
        buf_len: 32768,
        ..CallHead::default()
    };
    edit(&mut head);
    let call = Call { head, iov_lens: &[], name, control: &[], payload };
    let socket =
        Socket { fd: 3, kind: 3, protocol: 0, portid: 4242, groups: 0, inode: 99, netns_cookie: 1 };
    let process = process();
    let socket = Some(&socket);
    let origin = Origin::Program;
    show(&CallRecord {
        process: &process,
        call: &call,
        function,
        origin,
        socket,
        record: 17,
        wanted: Wanted::All,
    });
}

/// `ip link add …`, of which the last two arguments are hostile.
/// An engine that knows the built-in specs and nothing else.
pub(super) fn engine() -> Engine<'static> {
    thread_local! {
        static REGISTRY: &'static Registry = Box::leak(Box::new(Registry::builtin()));
    }
    REGISTRY.with(|registry| Engine { registry, names: &NoNames, requests: &NoRequests })
}

pub(super) fn process() -> Process {
    let hello = Hello {
        pid: 4242,
        ppid: 4000,
        uid: 0,
        forked: 0,
        netns: 4_026_531_840,
        netns_cookie: 0,
        monotonic_ns: 0,
        realtime_ns: 1_795_456_800_000_000_000,
        shim: b"0.1.0",
        comm: b"ip",
        exe: b"/usr/sbin/ip",
        argv: b"ip\0link\0\x1b[2J\0\xff\"\0",
    };
    Process::new(1, &hello)
}

/// Sets of names that the samples use.
pub(super) struct Samples {
    message_flags: Enum,
    link_flags: Enum,
}

fn bits(names: &[(u64, &str)]) -> Enum {
    let mut set = Enum::default();
    for (mask, name) in names {
        let (name, value) = (Box::from(*name), *mask);
        set.entries.push(Entry { c_name: name, name: Box::default(), value, mask: *mask });
    }
    set
}

fn named(v: u64, size: u8, name: &str) -> Value<'_> {
    Value::named(v, size, Some(name), Some("X_???"))
}

fn attribute<V: Visitor>(
    v: &mut V,
    at: usize,
    number: u16,
    name: &str,
    inner: impl FnOnce(&mut V),
) {
    v.attr_begin(&AttrHead {
        at,
        len: 8,
        raw_type: number,
        name: Some(name).filter(|name| !name.is_empty()),
        label: Some("IFLA_???"),
        flags: None,
        named_set: true,
        own_header: false,
        payload: &[0; 4],
    });
    inner(v);
    v.attr_end();
}

fn attributes<V: Visitor>(v: &mut V, inner: impl FnOnce(&mut V)) {
    v.list_begin(List::Attributes, true);
    inner(v);
    v.list_end(List::Attributes, true);
}

fn plain<V: Visitor>(v: &mut V, value: Value<'_>) {
    v.value(Slot::Plain, &value);
}

fn text(bytes: &[u8]) -> Value<'_> {
    Value::Text { bytes, kind: TextKind::Attribute }
}

fn messages<V: Visitor>(v: &mut V, inner: impl FnOnce(&mut V)) {
    v.list_begin(List::Messages, false);
    inner(v);
    v.list_end(List::Messages, false);
}

impl Samples {
    pub(super) fn new() -> Self {
        Self {
            message_flags: bits(&[
                (1, "NLM_F_REQUEST"),
                (2, "NLM_F_MULTI"),
                (4, "NLM_F_ACK"),
                (0x10, "NLM_F_DUMP_INTR"),
            ]),
            link_flags: bits(&[(1, "IFF_UP"), (2, "IFF_BROADCAST")]),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one argument a field that differs")]
    fn message<V: Visitor>(
        &self,
        v: &mut V,
        at: usize,
        (number, name): (u16, &str),
        flags: u16,
        len: u32,
        echoed: bool,
        inner: impl FnOnce(&mut V),
    ) {
        let set = &self.message_flags;
        let bits = u64::from(flags);
        let payload = vec![0; (len as usize).saturating_sub(16)];
        v.message_begin(&MessageHead {
            at,
            part: 0,
            header: Nlmsghdr { len, ty: number, flags, seq: 1, portid: 0 },
            ty: named(u64::from(number), 2, name),
            flags: Value::Flags {
                v: bits,
                size: 2,
                order: Order::Host,
                set,
                more: None,
                label: None,
            },
            family: (number >= 16).then_some("rt-link"),
            operation: None,
            direction: Direction::Send,
            payload: &payload,
            echoed,
            control: !echoed && number < 16,
        });
        inner(v);
        v.message_end();
    }

    fn ifinfomsg<V: Visitor>(&self, v: &mut V, index: i64) {
        let head = StructHead {
            name: "ifinfomsg",
            short: false,
            fixed_header: true,
            style: StructStyle::Members,
        };
        v.struct_begin(Slot::Plain, &head);
        v.value(Slot::Field("ifi_family"), &named(0, 1, "AF_UNSPEC"));
        v.value(Slot::Field("ifi_type"), &named(1, 2, "ARPHRD_ETHER"));
        let name = (index == 2).then_some("eth0");
        v.value(Slot::Field("ifi_index"), &Value::Interface { index, name });
        let set = &self.link_flags;
        let flags =
            Value::Flags { v: 0x41, size: 4, order: Order::Host, set, more: None, label: None };
        v.value(Slot::Field("ifi_flags"), &flags);
        v.value(Slot::Field("ifi_change"), &Value::uint(0, 4));
        v.struct_end();
    }

    /// A request that makes a pair of interfaces.
    pub(super) fn newlink<V: Visitor>(&self, v: &mut V) {
        messages(v, |v| {
            self.message(v, 0, (16, "RTM_NEWLINK"), 5, 92, false, |v| {
                self.ifinfomsg(v, 2);
                attributes(v, |v| {
                    attribute(v, 32, 4, "IFLA_MTU", |v| plain(v, Value::uint(7, 4)));
                    attribute(v, 40, 3, "IFLA_IFNAME", |v| plain(v, text(b"v0\0")));
                    attribute(v, 48, 0x8012, "IFLA_LINKINFO", |v| {
                        attributes(v, |v| {
                            attribute(v, 52, 1, "IFLA_INFO_KIND", |v| plain(v, text(b"veth")));
                        });
                    });
                });
            });
        });
    }

    /// What the kernel says to it: the MTU, whose attribute is the first, is too small.
    pub(super) fn refused<V: Visitor>(&self, v: &mut V) {
        self.answer(v, -22, |v| {
            attributes(v, |v| {
                attribute(v, 60, 1, "NLMSGERR_ATTR_MSG", |v| plain(v, text(b"too \x1b small\0")));
                attribute(v, 80, 2, "NLMSGERR_ATTR_OFFS", |v| plain(v, Value::uint(48, 4)));
            });
        });
    }

    /// An acknowledgement.
    pub(super) fn acknowledged<V: Visitor>(&self, v: &mut V) {
        self.answer(v, 0, |_| {});
    }

    fn answer<V: Visitor>(&self, v: &mut V, error: i32, extack: impl FnOnce(&mut V)) {
        messages(v, |v| {
            self.message(v, 0, (2, "NLMSG_ERROR"), 0, 88, false, |v| {
                v.list_begin(List::Group, true);
                let head = StructHead {
                    name: "nlmsgerr",
                    short: false,
                    fixed_header: false,
                    style: StructStyle::Members,
                };
                v.struct_begin(Slot::Plain, &head);
                let name = (error != 0).then_some("EINVAL");
                v.value(Slot::Field("error"), &Value::Errno { v: error, name });
                v.field_begin("msg");
                self.message(v, 20, (16, "RTM_NEWLINK"), 5, 48, true, |v| {
                    self.ifinfomsg(v, 0);
                    attributes(v, |v| {
                        attribute(v, 52, 0x8012, "IFLA_LINKINFO", |v| {
                            attributes(v, |v| {
                                attribute(v, 68, 1, "IFLA_INFO_KIND", |v| {
                                    plain(v, text(b"veht\0"))
                                });
                            });
                        });
                    });
                });
                v.struct_end();
                extack(v);
                v.list_end(List::Group, true);
            });
        });
    }

    /// The end of a dump that changed under way, and bytes after it.
    pub(super) fn done<V: Visitor>(&self, v: &mut V) {
        messages(v, |v| {
            self.message(v, 0, (3, "NLMSG_DONE"), 0x12, 20, false, |v| {
                v.list_begin(List::Group, false);
                plain(v, Value::Errno { v: 0, name: None });
                v.list_end(List::Group, false);
            });
            v.issue(&Issue { at: 20, kind: IssueKind::ShortHeader { need: 16, have: 3 } });
            plain(v, Value::Bytes { bytes: b"abc", why: Opaque::Trailing });
        });
    }

    /// One of each shape and of each kind of value.
    pub(super) fn everything<V: Visitor>(&self, v: &mut V) {
        let number = |v, size, hint| Value::Uint { v, size, order: Order::Big, hint };
        messages(v, |v| {
            self.message(v, 0, (16, "RTM_NEWLINK"), 0, 400, false, |v| {
                self.ifinfomsg(v, 9);
                attributes(v, |v| {
                    attribute(v, 1, 999, "", |v| {
                        v.issue(&Issue {
                            at: 1,
                            kind: IssueKind::UnknownAttribute { number: 999 },
                        });
                        plain(v, Value::Bytes { bytes: b"\x01\xffabcdef", why: Opaque::Unknown });
                    });
                    attribute(v, 2, 1, "FLAG", |v| plain(v, Value::Present));
                    attribute(v, 3, 2, "SIGNED", |v| {
                        let value =
                            Value::Int { v: -5, size: 4, order: Order::Host, hint: Hint::None };
                        plain(v, value);
                    });
                    for (name, value, hint) in [
                        ("HEX", 0xbeef, Hint::HexPadded),
                        ("CLOCK", 1525, Hint::ClockT),
                        ("MSECS", 250, Hint::Msecs),
                        ("FOREVER", 0xffff_ffff, Hint::Seconds),
                        ("HANDLE", 0x1_0010, Hint::TcHandle),
                        ("DEVICE", 0x801, Hint::Dev),
                        ("BOOL", 1, Hint::Bool),
                    ] {
                        attribute(v, 4, 3, name, |v| plain(v, number(value, 4, hint)));
                    }
                    attribute(v, 5, 4, "V4", |v| plain(v, Value::Ipv4([192, 0, 2, 1])));
                    attribute(v, 6, 5, "V6", |v| plain(v, Value::Ipv6([0; 16])));
                    attribute(v, 7, 6, "MAC", |v| {
                        plain(v, Value::Mac { bytes: &[2, 0, 0, 0, 0, 1], family: None });
                    });
                    attribute(v, 8, 7, "UNNAMED", |v| {
                        let label = Some("AF_???");
                        plain(v, Value::named(77, 1, None, label));
                    });
                    attribute(v, 9, 8, "SECRET", |v| {
                        plain(v, Value::Bytes { bytes: b"key", why: Opaque::Secret });
                    });
                    attribute(v, 10, 9, "HOSTILE", |v| {
                        plain(v, text("a\x1b]0;\u{202e}\"\\\u{9b}\0".as_bytes()));
                    });
                    attribute(v, 11, 10, "NOT_UTF8", |v| plain(v, text(b"a\xffb\0")));
                    attribute(v, 12, 11, "SHORT", |v| {
                        v.issue(&Issue { at: 12, kind: IssueKind::WrongSize { need: 4, have: 2 } });
                        plain(v, Value::Bytes { bytes: &[1, 2], why: Opaque::WrongSize });
                    });
                    attribute(v, 13, 12, "NUMBERS", |v| {
                        v.list_begin(List::Array, true);
                        plain(v, Value::uint(1, 4));
                        plain(v, Value::uint(0, 4));
                        v.list_end(List::Array, true);
                    });
                    attribute(v, 14, 13, "INDEXED", |v| {
                        v.list_begin(List::Array, true);
                        v.value(Slot::Index(1, Some("ONE"), None), &Value::uint(5, 4));
                        v.value(Slot::Index(2, Some("TWO"), None), &Value::uint(0, 4));
                        v.value(Slot::Index(3, None, None), &Value::uint(6, 4));
                        v.list_end(List::Array, true);
                    });
                    attribute(v, 15, 14, "STRUCT", Self::structure);
                    attribute(v, 16, 15, "RECORDS", |v| {
                        v.list_begin(List::Records, false);
                        v.list_begin(List::Group, true);
                        let head = StructHead {
                            name: "rtnexthop",
                            short: false,
                            fixed_header: false,
                            style: StructStyle::Members,
                        };
                        v.struct_begin(Slot::Plain, &head);
                        v.value(Slot::Field("rtnh_hops"), &Value::uint(1, 1));
                        v.struct_end();
                        attributes(v, |v| {
                            attribute(v, 17, 5, "GATEWAY", |v| {
                                plain(v, Value::Ipv4([192, 0, 2, 2]));
                            });
                        });
                        v.list_end(List::Group, true);
                        v.list_end(List::Records, false);
                    });
                    attribute(v, 18, 16, "EMPTY", |_| {});
                });
            });
        });
    }

    /// A struct that holds a struct and arrays, and bytes after it.
    fn structure<V: Visitor>(v: &mut V) {
        let head = |name| StructHead {
            name,
            short: false,
            fixed_header: false,
            style: StructStyle::Members,
        };
        v.struct_begin(Slot::Plain, &head("outer"));
        v.value(Slot::Field("a"), &Value::uint(1, 4));
        v.struct_begin(Slot::Field("inner"), &head("inner"));
        v.value(Slot::Field("b"), &Value::uint(2, 4));
        v.value(Slot::Field("c"), &Value::uint(0, 4));
        v.struct_end();
        v.field_begin("list");
        v.list_begin(List::Array, true);
        plain(v, Value::uint(3, 4));
        plain(v, Value::uint(4, 4));
        v.list_end(List::Array, true);
        v.field_begin("structs");
        v.list_begin(List::Array, false);
        v.struct_begin(Slot::Plain, &head("inner"));
        v.value(Slot::Field("d"), &Value::uint(5, 4));
        v.struct_end();
        v.list_end(List::Array, false);
        v.struct_end();
        v.issue(&Issue { at: 90, kind: IssueKind::Trailing { len: 2 } });
        plain(v, Value::Bytes { bytes: &[9, 9], why: Opaque::Trailing });
    }

    /// An event of a kernel object: text without a message around it.
    pub(super) fn event<V: Visitor>(v: &mut V) {
        plain(v, Value::Text { bytes: b"add@/devices/x\0ACTION=add\0", kind: TextKind::Raw });
    }
}
