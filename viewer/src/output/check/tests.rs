use super::*;
use crate::decode::{NoNames, NoRequests};
use crate::output::samples;
use crate::spec::Registry;
use nlproto::{CallHead, Function};

const STYLE: Style = Style { string_limit: 32, ..Style::PLAIN };

/// A request for nothing by port id `portid`.
fn request(portid: u32) -> Vec<u8> {
    let words = [20, 18 | 1 << 16, 1, portid, 0];
    words.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect()
}

/// `struct sockaddr_nl` of a port id.
fn address(portid: u8) -> [u8; 12] {
    [16, 0, 0, 0, portid, 0, 0, 0, 0, 0, 0, 0]
}

/// What is found about a call, as text and as JSON.
fn found(
    level: Level,
    function: Function,
    (payload, name): (&[u8], &[u8]),
    edit: impl Fn(&mut CallHead),
) -> String {
    let registry = Registry::builtin();
    let engine = Engine { registry: &registry, names: &NoNames, requests: &NoRequests };
    let tally = Tally::new(level);
    let mut out = Vec::new();
    let mut lines = 0;
    for json in [false, true] {
        let mut check = Check::new(&STYLE, &tally, json);
        samples::call(function, payload, name, &edit, |record| {
            check.call(&engine, record, &mut out);
        });
        lines = tally.count() - lines;
    }
    assert_eq!(tally.count(), lines * 2);
    String::from_utf8(out).unwrap()
}

#[test]
fn messages_that_did_not_fit_are_an_error() {
    let lost = |head: &mut CallHead| (head.errno, head.ret) = (ENOBUFS, -1);
    let text = "ip[4242] record 17: ENOBUFS: messages to the socket were lost [overrun]\n";
    let json = concat!(
        r#"{"v":1,"kind":"finding","code":"overrun","text":"ENOBUFS: messages to the socket were lost","#,
        r#""time":"2026-11-23T18:00:00.123456789Z","pid":4242,"tid":4242,"comm":"ip","fd":3,"#,
        r#""call":"recvmsg","dir":"receive","protocol":"NETLINK_ROUTE","record":17}"#,
        "\n"
    );
    for level in [Level::All, Level::Errors] {
        assert_eq!(found(level, Function::Recvmsg, (&[], &[]), lost), format!("{text}{json}"));
    }
    let nothing = |head: &mut CallHead| (head.errno, head.ret) = (11, -1);
    assert_eq!(found(Level::All, Function::Recvmsg, (&[], &[]), nothing), "");
}

#[test]
fn a_cut_datagram_is_all_there_is_to_say() {
    let bytes = request(0);
    let cut = |head: &mut CallHead| (head.msg_flags, head.buf_len) = (0x20, 20);
    let text = found(Level::All, Function::Recvmsg, (&bytes, &[]), cut);
    let line = "ip[4242] record 17: the buffer of 20 bytes cut the datagram [truncated-receive]\n";
    assert!(text.starts_with(line), "{text}");
    assert_eq!(found(Level::Errors, Function::Recvmsg, (&bytes, &[]), cut), "");
    // Not all functions are told.
    let full = |head: &mut CallHead| head.buf_len = 20;
    let part = bytes.get(..20).map(|bytes| [&[100], bytes.get(1..).unwrap()].concat()).unwrap();
    assert!(found(Level::All, Function::Recv, (&part, &[]), full).starts_with(line));
    assert_eq!(found(Level::All, Function::Recv, (&bytes, &[]), full), "");
    let peek = |head: &mut CallHead| (head.msg_flags, head.flags) = (0x20, 0x22);
    assert_eq!(found(Level::All, Function::Recvmsg, (&bytes, &[]), peek), "");
}

#[test]
fn a_port_id_is_the_sockets() {
    let sent =
        |portid, to| found(Level::All, Function::Sendto, (&request(portid), &address(to)), |_| {});
    assert_eq!(sent(0, 0), "");
    assert_eq!(sent(4242, 0), "");
    let line = concat!(
        "ip[4242] record 17 part 0  RTM_GETLINK +0: ",
        "nlmsg_pid 7 is not the socket's port id 4242 [portid-mismatch]\n"
    );
    let text = sent(7, 0);
    assert!(text.starts_with(line), "{text}");
    // To another program one may say what one likes.
    assert_eq!(sent(7, 77), "");
}

#[test]
fn lost_records_are_told_of_their_process() {
    for (level, json, wanted) in [
        (Level::All, false, "ip[4242]: 2 records lost [records-lost]\n"),
        (
            Level::All,
            true,
            concat!(
                r#"{"v":1,"kind":"finding","code":"records-lost","text":"2 records lost","#,
                r#""pid":4242,"comm":"ip"}"#,
                "\n"
            ),
        ),
        (Level::Errors, false, ""),
    ] {
        let mut out = Vec::new();
        Check::new(&STYLE, &Tally::new(level), json).lost(&samples::process(), 2, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
