//! Places, limits and what is missing, told from requests that are whole, capped, lost or lying.

use super::*;
use crate::decode::{Asked, NoNames, NoRequests, Requests, Slot, datagram};
use crate::spec::Registry;

const ROUTE: u32 = 0;
const XFRM: u32 = 6;
const GENERIC: u32 = 16;
const CAPPED: u16 = 0x100;
const TLVS: u16 = 0x200;

/// What was asked, as the stream showed it.
struct Known(Vec<u8>);

impl Requests for Known {
    fn asked(&self, _answer: &Nlmsghdr) -> Option<Asked<'_>> {
        Some(Asked { record: 7, part: 1, ..Asked::once(&self.0) })
    }
}

/// Writes down what is explained.
#[derive(Default)]
struct Told {
    all: Vec<String>,
    value: Vec<String>,
    refuses: bool,
}

impl Visitor for Told {
    const EXPLAINS: bool = true;

    fn may_walk(&mut self, _len: usize) -> bool {
        !self.refuses
    }

    fn value(&mut self, _slot: Slot<'_>, value: &Value<'_>) {
        self.value.push(match *value {
            Value::Text { bytes, kind } => {
                String::from_utf8_lossy(Value::text(bytes, kind)).into_owned()
            }
            Value::Bytes { why, bytes } => format!("{why:?}:{}", bytes.len()),
            Value::Interface { index, .. } => format!("if{index}"),
            Value::Ipv4(address) => format!("{address:?}"),
            other => other.number().map_or_else(|| "?".to_owned(), |n| n.to_string()),
        });
    }

    fn explanation(&mut self, explanation: &Explanation<'_>) {
        let mut text = format!("{}", explanation.errno);
        if let Some(culprit) = &explanation.culprit {
            self.value.clear();
            explanation.show_value(self);
            let value = self.value.join(" ");
            text += &format!(" at {} = {value}", path(&culprit.path));
            if culprit.beyond > 0 {
                text += &format!(" + {}", culprit.beyond);
            }
        }
        if let Some(limits) = explanation.limits {
            text += &format!(" must be {limits}");
        }
        if let Some(missing) = &explanation.missing {
            let name = missing.name.as_deref().unwrap_or("?");
            text += &format!(" missing {name} in {}", path(&missing.nest));
        }
        if let Some((record, part)) = explanation.record {
            text += &format!(" #{record}.{part}");
        }
        explanation.identify(|name, _| text += &format!(" {name}"));
        self.all.push(text);
    }
}

fn path(crumbs: &[Crumb]) -> String {
    let step = |crumb: &Crumb| match crumb {
        Crumb::Name(name) => name.clone(),
        Crumb::Unknown(number, _) => format!("?{number}"),
        Crumb::Index(index) => format!("[{index}]"),
    };
    crumbs.iter().map(step).collect::<Vec<_>>().join(".")
}

fn message(ty: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + payload.len()).unwrap();
    let header = [&len.to_ne_bytes()[..], &ty.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 8]];
    [&header.concat(), payload].concat()
}

fn attr(ty: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + payload.len()).unwrap();
    let mut bytes = [&len.to_ne_bytes()[..], &ty.to_ne_bytes(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn number(ty: u16, number: u32) -> Vec<u8> {
    attr(ty, &number.to_ne_bytes())
}

/// An answer with a request's bytes in it and attributes behind.
fn answer(flags: u16, error: i32, echo: &[u8], attrs: &[u8]) -> Vec<u8> {
    let mut payload = [&error.to_ne_bytes()[..], echo].concat();
    payload.resize(payload.len().next_multiple_of(4), 0);
    message(2, flags, &[&payload, attrs].concat())
}

fn told(protocol: u32, requests: &dyn Requests, bytes: &[u8]) -> Vec<String> {
    thread_local!(static REGISTRY: Registry = Registry::builtin());
    REGISTRY.with(|registry| {
        let engine = Engine { registry, names: &NoNames, requests };
        let mut told = Told::default();
        datagram(&engine, protocol, Direction::Receive, bytes, &mut told);
        told.all
    })
}

/// A new link with data of its kind: RTM_NEWLINK, its data's `IFLA_VLAN_ID` at 60.
fn vlan() -> Vec<u8> {
    let data = attr(0x8002, &attr(1, &5000u16.to_ne_bytes()));
    let info = attr(18, &[attr(1, b"vlan\0"), data].concat());
    let header = [&[0; 4][..], &7u32.to_ne_bytes(), &[0; 8]].concat();
    message(16, 5, &[header, attr(3, b"zz0\0"), info].concat())
}

fn at(offset: u32) -> Vec<u8> {
    number(2, offset)
}

fn told_of_vlan(attrs: &[u8]) -> String {
    let request = vlan();
    let told = told(ROUTE, &NoRequests, &answer(TLVS, -34, &request, attrs));
    assert_eq!(told.len(), 1);
    told[0].clone().split(" ifi_index").next().unwrap().to_owned()
}

#[test]
fn an_offset_leads_to_an_attribute_a_member_a_header() {
    let place = |offset| told_of_vlan(&at(offset));
    assert_eq!(place(60), "34 at IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VLAN_ID = 5000");
    assert_eq!(place(64), "34 at IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VLAN_ID = 5000 + 4");
    assert_eq!(place(44), "34 at IFLA_LINKINFO.IFLA_INFO_KIND = vlan");
    assert_eq!(place(40), "34 at IFLA_LINKINFO = vlan 5000");
    assert_eq!(place(16), "34 at ifinfomsg.ifi_family = 0");
    assert_eq!(place(20), "34 at ifinfomsg.ifi_index = if7");
    assert_eq!(place(22), "34 at ifinfomsg.ifi_index = if7 + 2");
    assert_eq!(place(0), "34 at nlmsghdr = 68");
    assert_eq!(place(4), "34 at nlmsghdr.nlmsg_type = 16");
    assert_eq!(place(7), "34 at nlmsghdr.nlmsg_flags = 5 + 1");
    // Beyond the end, wherever that is.
    for offset in [68, 69, 4000, u32::MAX] {
        assert_eq!(place(offset), "34");
    }
}

#[test]
fn a_request_that_does_not_come_back_is_the_one_that_was_seen() {
    let request = vlan();
    let known = Known(request.clone());
    let header = &request[..16];
    let capped = answer(CAPPED | TLVS, -34, header, &at(60));
    let place = "34 at IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VLAN_ID = 5000";
    let about = "ifi_index IFLA_IFNAME IFLA_INFO_KIND IFLA_VLAN_ID";
    assert_eq!(told(ROUTE, &known, &capped), [format!("{place} #7.1 {about}")]);
    // Not if it is another one, or none.
    let other = message(16, 1, &[0; 16]);
    assert_eq!(told(ROUTE, &Known(other), &capped), ["34"]);
    assert_eq!(told(ROUTE, &NoRequests, &capped), ["34"]);
    // A dump's end echoes nothing.
    let done = |attrs: &[u8]| message(3, 2 | TLVS, &[&(-34i32).to_ne_bytes()[..], attrs].concat());
    assert_eq!(told(ROUTE, &known, &done(&at(60))), [format!("{place} #7.1 {about}")]);
    assert_eq!(told(ROUTE, &NoRequests, &done(&at(60))), ["34"]);
}

#[test]
fn success_is_explained_if_there_is_a_warning() {
    let request = vlan();
    let warning = answer(TLVS, 0, &request, &[attr(1, b"hm\0"), at(44)].concat());
    let told = |bytes: &[u8]| told(ROUTE, &NoRequests, bytes);
    assert!(told(&warning)[0].starts_with("0 at IFLA_LINKINFO.IFLA_INFO_KIND = vlan"));
    assert!(told(&answer(0, 0, &request, &[])).is_empty());
    assert!(told(&message(3, 2, &[0; 4])).is_empty());
}

#[test]
fn elements_are_told_by_their_index() {
    // RTA_MULTIPATH of two next hops, each with a gateway.
    let hop = |last: u8| {
        let gateway = attr(5, &[10, 0, 0, last]);
        let len = u16::try_from(8 + gateway.len()).unwrap();
        [&len.to_ne_bytes()[..], &[0; 6], &gateway].concat()
    };
    let hops = attr(9, &[hop(1), hop(2)].concat());
    let request = message(24, 5, &[vec![2, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0], hops].concat());
    let place = |offset| told(ROUTE, &NoRequests, &answer(TLVS, -22, &request, &at(offset)));
    assert!(place(56)[0].starts_with("22 at RTA_MULTIPATH.[1].RTA_GATEWAY = [10, 0, 0, 2]"));
    assert!(place(52)[0].starts_with("22 at RTA_MULTIPATH.[1].rtnh_ifindex = if0"));
    assert!(place(40)[0].starts_with("22 at RTA_MULTIPATH.[0].RTA_GATEWAY = [10, 0, 0, 1]"));
}

#[test]
fn what_is_missing_is_named_by_the_set_it_is_missing_in() {
    let missing = |ty| number(5, ty);
    let within = |ty, nest| [missing(ty), number(6, nest)].concat();
    assert_eq!(told_of_vlan(&missing(4)), "34 missing IFLA_MTU in ");
    assert_eq!(told_of_vlan(&within(1, 40)), "34 missing IFLA_INFO_KIND in IFLA_LINKINFO");
    let data = "IFLA_LINKINFO.IFLA_INFO_DATA";
    assert_eq!(told_of_vlan(&within(5, 56)), format!("34 missing IFLA_VLAN_PROTOCOL in {data}"));
    // No such attribute, no such place, a place that holds no attributes, a type that is none.
    assert_eq!(told_of_vlan(&missing(9999)), "34 missing ? in ");
    assert_eq!(told_of_vlan(&missing(u32::MAX)), "34 missing ? in ");
    assert_eq!(told_of_vlan(&within(1, 41)), "34 missing ? in ");
    assert_eq!(told_of_vlan(&within(1, 32)), "34 missing ? in IFLA_IFNAME");
    // In a request without attributes, and in a nest without any.
    let family = [&[3u8, 2, 0, 0][..], &[]].concat();
    let empty = answer(TLVS, -22, &message(16, 5, &family), &missing(2));
    assert_eq!(told(GENERIC, &NoRequests, &empty), ["22 missing CTRL_ATTR_FAMILY_NAME in "]);
    let nest = message(16, 5, &[&[0; 16][..], &attr(18, b"")].concat());
    let empty = answer(TLVS, -22, &nest, &within(1, 32));
    assert_eq!(told(ROUTE, &NoRequests, &empty), ["22 missing IFLA_INFO_KIND in IFLA_LINKINFO"]);
}

#[test]
fn limits_are_words() {
    let long = |ty, n: u64| attr(ty, &n.to_ne_bytes());
    let must = |attrs: &[Vec<u8>]| {
        let told = told_of_vlan(&attr(4, &attrs.concat()));
        told.strip_prefix("34 must be ").unwrap().to_owned()
    };
    assert_eq!(must(&[number(1, 3), long(4, 0), long(5, 4095)]), "u16, at most 4095");
    assert_eq!(must(&[number(1, 3), long(4, 0), long(5, 65535)]), "u16");
    assert_eq!(must(&[number(1, 2), long(4, 1), long(5, 7)]), "u8, 1 to 7");
    assert_eq!(must(&[number(1, 4), long(4, 1), long(5, 0xffff_ffff)]), "u32, at least 1");
    let minus = (-5i64).cast_unsigned();
    assert_eq!(must(&[number(1, 8), long(2, minus), long(3, 5)]), "s32, -5 to 5");
    assert_eq!(must(&[number(1, 12), number(7, 15)]), "text ended by NUL, at most 15 bytes");
    assert_eq!(must(&[number(1, 10), number(6, 6), number(7, 6)]), "bytes, exactly 6 bytes");
    assert_eq!(must(&[number(1, 4), long(12, 7)]), "u32, bits of 0x7 only");
    assert_eq!(must(&[number(1, 15), number(10, 3)]), "a bitfield32, bits of 0x3 only");
    assert_eq!(must(&[number(1, 99)]), "of type 99");
    assert_eq!(must(&[]), "of its type");
    assert_eq!(must(&[attr(1, b"a"), attr(4, b""), attr(5, &[1; 9])]), "of its type");
}

#[test]
fn what_a_policy_says_beyond_what_is_known_is_noticed() {
    let tables = Registry::builtin();
    let read = |attrs: &[Vec<u8>]| Limits::read(tables.bare(), &attrs.concat());
    let known = read(&[number(1, 3)]);
    assert!(known.is_all);
    assert_eq!(known.type_name, Some("NL_ATTR_TYPE_U16"));
    assert!(!read(&[number(1, 3), number(77, 1)]).is_all);
    assert!(!read(&[number(1, 3), attr(4, b"")]).is_all);
}

#[test]
fn keys_stay_hidden() {
    // XFRM_MSG_NEWSA with XFRMA_ALG_AUTH: a name of 64 bytes, a length in bits, the key.
    let key = [&[b'x'; 1][..], &[0; 63], &64u32.to_ne_bytes(), &[0x5a; 8]].concat();
    let request = message(16, 5, &[vec![0; 224], attr(1, &key)].concat());
    for offset in 240..request.len() {
        let bytes = answer(TLVS, -22, &request, &at(u32::try_from(offset).unwrap()));
        let told = told(XFRM, &NoRequests, &bytes).concat();
        assert!(told.contains("XFRMA_ALG_AUTH"), "{told}");
        assert!(!told.contains("90") && !told.contains('Z'), "{told}");
    }
}

#[test]
fn what_may_not_be_walked_through_is_not_explained() {
    let registry = Registry::builtin();
    let engine = Engine { registry: &registry, names: &NoNames, requests: &NoRequests };
    let mut told = Told { refuses: true, ..Told::default() };
    let bytes = answer(TLVS, -34, &vlan(), &at(60));
    datagram(&engine, ROUTE, Direction::Receive, &bytes, &mut told);
    assert!(told.all.is_empty());
}

/// A generator of its own, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len());
            let byte = [0, 1, 4, 16, 0x7f, 0x80, 0xff][self.below(7)];
            match self.below(4) {
                0 => bytes.truncate(at),
                _ => bytes.get_mut(at).map_or((), |b| *b = byte),
            }
        }
    }
}

/// Any answer to any request is explained or not, but comes to an end.
#[test]
fn any_pair_of_request_and_answer_ends() {
    let mut random = Random(1);
    let mut explained = 0;
    let nested = (0..40).fold(number(1, 7), |inner, _| attr(0x8012, &inner));
    let deep = message(16, 5, &[vec![0; 16], nested].concat());
    let error = answer(TLVS, -1, &vlan(), &[at(60), at(20), number(5, 1), number(6, 40)].concat());
    for turn in 0..4000 {
        let mut request = [vlan(), deep.clone(), error.clone()][random.below(3)].clone();
        random.damage(&mut request);
        let offset = u32::try_from(random.below(120)).unwrap();
        let attrs = [at(offset), number(5, offset % 9), number(6, offset / 2)].concat();
        let flags = [0, CAPPED, TLVS, CAPPED | TLVS][random.below(4)];
        let end = if random.below(2) == 0 { request.len() } else { request.len().min(16) };
        let mut bytes = answer(flags, -22, &request[..end], &attrs);
        if turn % 2 == 0 {
            random.damage(&mut bytes);
        }
        let protocol = [ROUTE, XFRM, GENERIC, 12, 99][random.below(5)];
        explained += told(protocol, &Known(request), &bytes).len();
    }
    assert!(explained > 1000, "{explained}");
}
