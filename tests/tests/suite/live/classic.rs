//! The protocols beside those of routing, sockets, filters and generic families: what is decoded is
//! what other programs say of the same messages, or what the kernel says elsewhere.

use std::net::Ipv4Addr;
use std::process::Command;

use nltests::artefacts::artefacts;
use nltests::namespace::Namespace;
use nltests::run::{nlview, run};
use nltests::scratch::Scratch;
use nltests::{cannot_run, installed};
use serde_json::Value;

/// What a program printed, and the messages that it exchanged.
struct Exchange {
    printed: String,
    messages: Vec<Value>,
}

/// Runs a program under the viewer, which `command` starts; `None` if it fails, as where too little is
/// allowed.
fn exchange(mut command: Command, program: &[&str]) -> Option<Exchange> {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    command.args(["-f", "json", "-o"]).arg(&out).arg("--").args(program);
    let finished = run(&mut command);
    if finished.status != 0 {
        cannot_run(&format!("{program:?} fails here: {finished:?}"));
        return None;
    }
    let lines = std::fs::read_to_string(&out).expect("the viewer's output");
    let all = lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
    let messages: Vec<Value> = all.filter(|line: &Value| line["kind"] == "message").collect();
    for message in &messages {
        assert_eq!(message["issues"], serde_json::json!([]), "{message}");
        assert!(!message.to_string().contains("\"unknown"), "{message}");
    }
    Some(Exchange { printed: finished.out(), messages })
}

fn in_namespace(namespace: &Namespace, program: &[&str]) -> Option<Exchange> {
    exchange(namespace.command(&artefacts().nlview), program)
}

/// As who runs the tests, where some of the kernel only speaks to those of the first namespace.
fn here(program: &[&str]) -> Option<Exchange> {
    exchange(nlview(), program)
}

impl Exchange {
    fn received(&self, of: &str) -> Vec<&Value> {
        let is = |m: &&Value| m["dir"] == "receive" && m["type"] == of;
        self.messages.iter().filter(is).collect()
    }

    fn only(&self, of: &str) -> &Value {
        let received = self.received(of);
        assert_eq!(received.len(), 1, "{of} in {:#?}", self.messages);
        received[0]
    }

    /// What was printed has all of these, one after another.
    fn prints(&self, parts: &[String]) {
        let mut rest = self.printed.as_str();
        for part in parts {
            let Some(at) = rest.find(part.as_str()) else {
                panic!("{part:?} of {parts:#?} is not where it should be in\n{}", self.printed)
            };
            rest = &rest[at..];
        }
    }
}

/// The field at a path of names.
fn field<'v>(of: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(of, |of, name| {
        let fields = of["fields"].as_array().unwrap_or_else(|| panic!("no fields in {of}"));
        fields.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no {name} in {of}"))
    })
}

fn header<'v>(message: &'v Value, path: &str) -> &'v Value {
    field(&message["header"], path)
}

fn attribute<'v>(message: &'v Value, name: &str) -> &'v Value {
    let attributes = message["attrs"].as_array().expect("attributes");
    attributes
        .iter()
        .find(|a| a["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// A value as a program would print it: its name in small letters without `prefix`, or a number.
fn said(of: &Value, prefix: &str) -> String {
    match &of["value"] {
        Value::String(text) => text.strip_prefix(prefix).unwrap_or(text).to_lowercase(),
        value => value.to_string(),
    }
}

fn number(of: &Value) -> i64 {
    let raw = of.get("raw").filter(|raw| raw.is_number()).unwrap_or(&of["value"]);
    raw.as_i64().unwrap_or_else(|| panic!("no number: {of}"))
}

fn plain(of: &Value) -> String {
    said(of, "")
}

#[test]
fn policies_of_ipsec_are_what_ip_prints() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.script(
        "ip xfrm policy add src 10.0.0.0/8 dst 192.0.2.0/24 proto udp dport 53 dir out priority 5 \
           mark 5 mask 0xff if_id 9 tmpl src 192.0.2.1 dst 192.0.2.9 proto esp reqid 7 mode tunnel
         ip xfrm policy add src 2001:db8::/32 dst 2001:db8:1::/48 dir in action block
         ip xfrm policy add src 192.0.2.0/25 dst 0.0.0.0/0 dir fwd priority 77 ptype main",
    );
    let Some(exchange) = in_namespace(&namespace, &["ip", "xfrm", "policy"]) else { return };
    let policies = exchange.received("XFRM_MSG_NEWPOLICY");
    assert_eq!(policies.len(), 3, "{}", exchange.printed);
    for policy in policies {
        let address = |side: &str, len: &str| {
            let address = plain(header(policy, &format!("sel.{side}")));
            format!("{address}/{}", plain(header(policy, &format!("sel.{len}"))))
        };
        let mut parts = vec![format!(
            "src {} dst {} ",
            address("saddr", "prefixlen_s"),
            address("daddr", "prefixlen_d")
        )];
        let port = plain(header(policy, "sel.dport"));
        if port != "0" {
            let protocol = said(header(policy, "sel.proto"), "IPPROTO_");
            parts.push(format!("proto {protocol} dport {port} "));
        }
        parts.push(format!("dir {} ", said(header(policy, "dir"), "XFRM_POLICY_")));
        if said(header(policy, "action"), "XFRM_POLICY_") == "block" {
            parts.push("action block ".to_owned());
        }
        parts.push(format!("priority {} ", plain(header(policy, "priority"))));
        let kind = attribute(policy, "XFRMA_POLICY_TYPE");
        parts.push(format!("ptype {} ", said(field(kind, "type"), "XFRM_POLICY_TYPE_")));
        if port != "0" {
            let mark = attribute(policy, "XFRMA_MARK");
            parts.push(format!(
                "mark {:#x}/{:#x}",
                number(field(mark, "v")),
                number(field(mark, "m"))
            ));
            let template = &attribute(policy, "XFRMA_TMPL")["items"][0];
            parts.push(format!(
                "tmpl src {} dst {}",
                plain(field(template, "saddr")),
                plain(field(template, "id.daddr"))
            ));
            parts.push(format!(
                "proto {} reqid {} mode {}",
                said(field(template, "id.proto"), "IPPROTO_"),
                plain(field(template, "reqid")),
                said(field(template, "mode"), "XFRM_MODE_")
            ));
            parts.push(format!("if_id {:#x}", number(attribute(policy, "XFRMA_IF_ID"))));
        }
        exchange.prints(&parts);
    }
}

#[test]
fn states_of_ipsec_are_what_ip_prints() {
    let Some(namespace) = Namespace::new() else { return };
    let ask = "ip xfrm state allocspi src 192.0.2.1 dst 192.0.2.9 proto esp reqid 3 mode tunnel \
               min 0x100 max 0x1000 && ip xfrm state allocspi src 2001:db8::1 dst 2001:db8::9 \
               proto comp min 0x100 max 0x1000";
    let Some(asked) = in_namespace(&namespace, &["sh", "-c", ask]) else { return };
    let Some(listed) = in_namespace(&namespace, &["ip", "-s", "xfrm", "state"]) else { return };
    for exchange in [asked, listed] {
        let states = exchange.received("XFRM_MSG_NEWSA");
        assert_eq!(states.len(), 2, "{}", exchange.printed);
        for state in states {
            let spi = number(header(state, "id.spi"));
            let old = attribute(state, "XFRMA_REPLAY_VAL");
            exchange.prints(&[
                format!(
                    "src {} dst {}\n",
                    plain(header(state, "saddr")),
                    plain(header(state, "id.daddr"))
                ),
                format!("proto {} ", said(header(state, "id.proto"), "IPPROTO_")),
                format!("spi {spi:#010x}"),
                format!("reqid {}", plain(header(state, "reqid"))),
                format!("mode {}\n", said(header(state, "mode"), "XFRM_MODE_")),
                format!("replay-window {}", plain(header(state, "replay_window"))),
                format!(
                    "anti-replay context: seq {:#x}, oseq {:#x}, bitmap {:#010x}",
                    number(field(old, "seq")),
                    number(field(old, "oseq")),
                    number(field(old, "bitmap"))
                ),
                format!(
                    "sel src {}/{} dst {}/{}",
                    plain(header(state, "sel.saddr")),
                    plain(header(state, "sel.prefixlen_s")),
                    plain(header(state, "sel.daddr")),
                    plain(header(state, "sel.prefixlen_d"))
                ),
            ]);
        }
    }
}

#[test]
fn counts_and_defaults_of_ipsec_are_what_ip_prints() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.script(
        "ip xfrm policy add src 10.0.0.0/8 dst 192.0.2.0/24 dir out
         ip xfrm policy add src 10.0.0.0/8 dst 192.0.2.0/25 dir out
         ip xfrm policy add src 10.0.0.0/8 dst 192.0.2.0/24 dir in
         ip xfrm policy setdefault in block
         ip xfrm state allocspi src 192.0.2.1 dst 192.0.2.9 proto esp min 256 max 512 >/dev/null",
    );
    let count = "ip -s -s xfrm policy count; ip -s -s xfrm state count; ip xfrm policy getdefault";
    let Some(exchange) = in_namespace(&namespace, &["sh", "-c", count]) else { return };
    let policies = exchange.only("XFRM_MSG_NEWSPDINFO");
    let (info, buckets) =
        (attribute(policies, "XFRMA_SPD_INFO"), attribute(policies, "XFRMA_SPD_HINFO"));
    let states = exchange.only("XFRM_MSG_NEWSADINFO");
    let room = attribute(states, "XFRMA_SAD_HINFO");
    let default = exchange.only("XFRM_MSG_GETDEFAULT");
    let way = |name: &str| said(header(default, name), "XFRM_USERPOLICY_");
    exchange.prints(&[
        format!(
            "IN  {} OUT {} FWD {}",
            plain(field(info, "incnt")),
            plain(field(info, "outcnt")),
            plain(field(info, "fwdcnt"))
        ),
        format!("buckets: count {} ", plain(field(buckets, "spdhcnt"))),
        format!("Max {}\n", plain(field(buckets, "spdhmcnt"))),
        format!("SAD count {}", plain(attribute(states, "XFRMA_SAD_CNT"))),
        format!("(buckets count {} ", plain(field(room, "sadhcnt"))),
        format!("Max {})", plain(field(room, "sadhmcnt"))),
        format!("in:  {}", way("in")),
        format!("fwd: {}", way("fwd")),
        format!("out: {}", way("out")),
    ]);
    assert_eq!(way("in"), "block");
}

/// Asks for the status with `auditctl` where that is installed, else takes the struct apart itself.
#[test]
fn the_status_of_audit_is_what_others_read() {
    if !installed(&["python3"]) {
        return;
    }
    let names = "enabled failure pid rate_limit backlog_limit lost backlog";
    let ask = format!(
        "import socket,struct\n\
         s=socket.socket(16,3,9); s.send(struct.pack('=IHHII',16,1000,1,7,0))\n\
         v=struct.unpack_from('=11I',s.recv(999),16)\n\
         for n,x in zip('{names}'.split(),v[1:]): print(n,x)\n\
         print('backlog_wait_time',v[9])"
    );
    let Some(exchange) = here(&["python3", "-c", &ask]) else { return };
    let status = exchange.only("AUDIT_GET");
    let name = |name: &str| format!("{name} {}\n", number(header(status, name)));
    let mut parts: Vec<String> = names.split(' ').map(name).collect();
    parts.push(name("backlog_wait_time"));
    exchange.prints(&parts);
    if has_auditctl()
        && let Some(theirs) = here(&["auditctl", "-s"])
    {
        let status = theirs.only("AUDIT_GET");
        for name in names.split(' ').chain(["backlog_wait_time"]) {
            theirs.prints(&[format!("{name} {}\n", number(header(status, name)))]);
        }
    }
}

/// `auditctl` is no program that tests install: its package comes with a daemon that starts.
fn has_auditctl() -> bool {
    Command::new("auditctl").arg("-v").output().is_ok_and(|out| out.status.success())
}

/// A rule comes back from the kernel as it was given, whoever gave it.
#[test]
fn rules_of_audit_are_shown_by_field_operator_and_value() {
    if !installed(&["python3"]) {
        return;
    }
    let add = "import socket,struct\n\
        s=socket.socket(16,3,9); s.settimeout(20)\n\
        def m(t,p=b''): s.send(struct.pack('=IHHII',16+len(p),t,5,1,0)+p)\n\
        def w(*v): return struct.pack('=64I',*v,*[0]*(64-len(v)))\n\
        r=struct.pack('=3I',4,2,3)+w(0,0,0,0,0,1<<10)+w(1,9,210)+w(2000000000,1234,6)\n\
        r+=w(6<<28,3<<28,1<<30)+struct.pack('=I',6)+b'nlhook'\n\
        m(1011,r); s.recv(9999); m(1013); d=bytes(16)\n\
        while struct.unpack_from('=H',d,4)!=(3,):\n\
        \x20d=s.recv(9999)\n\
        \x20if b'nlhook' not in d: continue\n\
        \x20v=struct.unpack_from('=259I',d,16); n=v[2]; f,x,o=v[67:67+n],v[131:131+n],v[195:195+n]\n\
        \x20names={1:'uid',9:'auid',210:'key'}; ops={6<<28:'>=',3<<28:'!=',1<<30:'='}\n\
        \x20print(' '.join('-F %s%s%s'%(names[a],ops[c],'nlhook' if a==210 else b)\n\
        \x20 for a,b,c in zip(f,x,o)))\n\
        m(1012,r); s.recv(9999)\n";
    let given = "-F uid>=2000000000 -F auid!=1234 -F key=nlhook";
    let Some(exchange) = here(&["python3", "-c", add]) else { return };
    exchange.prints(&[given.to_owned()]);
    assert_eq!(rule(&exchange), given);
    if has_auditctl() {
        // The greater sign would be the shell's.
        let rule_given = format!("exit,always -S sethostname {}", given.replace('>', "\\>"));
        let script = format!("auditctl -a {rule_given} && auditctl -l; auditctl -d {rule_given}");
        if let Some(theirs) = here(&["sh", "-c", &script]) {
            theirs.prints(&[given.to_owned()]);
            assert_eq!(rule(&theirs), given);
        }
    }
}

/// The rule of the test above, as `auditctl` writes fields.
fn rule(exchange: &Exchange) -> String {
    let listed = exchange.received("AUDIT_LIST_RULES");
    let ours = listed.iter().find(|rule| rule.to_string().contains("\"nlhook\""));
    let ours = ours.unwrap_or_else(|| panic!("{:#?}", exchange.messages));
    let fields = header(ours, "fields")["items"].as_array().expect("rows");
    let shown = fields.iter().map(|row| {
        let name = match said(&row["fields"][0], "AUDIT_") {
            name if name == "loginuid" => "auid".to_owned(),
            name if name == "filterkey" => "key".to_owned(),
            name => name,
        };
        let operator = match plain(&row["fields"][1]).as_str() {
            "audit_equal" => "=",
            "audit_not_equal" => "!=",
            "audit_greater_than_or_equal" => ">=",
            other => panic!("{other}"),
        };
        format!("-F {name}{operator}{}", plain(&row["fields"][2]))
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_processes_do_is_told_as_it_was() {
    if !installed(&["python3"]) {
        return;
    }
    let listen = "import os,socket,struct\n\
        s=socket.socket(16,2,11); s.bind((0,1)); s.settimeout(20)\n\
        def op(v): s.send(struct.pack('=IHHIIIIIIHHI',40,3,0,0,0,1,1,0,0,4,0,v))\n\
        op(1)\n\
        child=os.fork()\n\
        if not child: os.execv('/bin/sh',['sh','-c','exit 3'])\n\
        os.waitpid(child,0)\n\
        print('child',child)\n\
        what=0\n\
        while what!=1<<31:\n\
        \x20d=s.recv(999); what,=struct.unpack_from('=I',d,36)\n\
        \x20form={1:'=4i',2:'=2i',1<<31:'=2iIi2i'}.get(what)\n\
        \x20v=struct.unpack_from(form,d,52) if form else ()\n\
        \x20if child in v: print(what,*v)\n\
        \x20else: what=0\n\
        op(2)\n";
    let Some(exchange) = here(&["python3", "-c", listen]) else { return };
    let mut printed = exchange.printed.lines();
    let child = printed.next().and_then(|line| line.strip_prefix("child ")).expect("its child");
    let mut told = Vec::new();
    for message in &exchange.messages {
        let Some(event) = message.get("struct").map(|_| message).or_else(|| message.get("payload"))
        else {
            continue;
        };
        if !["PROC_EVENT_FORK", "PROC_EVENT_EXEC", "PROC_EVENT_EXIT"]
            .iter()
            .any(|what| field(event, "what")["value"] == serde_json::json!([what]))
        {
            continue;
        }
        let data = field(event, "event_data")["fields"].as_array().expect("data");
        let data: Vec<String> = data.iter().map(|v| number(v).to_string()).collect();
        if data.iter().any(|v| v == child) {
            told.push(format!("{} {}", number(field(event, "what")), data.join(" ")));
        }
    }
    assert_eq!(told, printed.collect::<Vec<_>>());
    assert_eq!(told.len(), 3, "a fork, an exec, an exit: {told:?}");
    assert!(told[2].contains(" 768 "), "it ends with 3: {told:?}");
}

#[test]
fn events_of_devices_are_what_sysfs_says() {
    if !installed(&["python3"]) {
        return;
    }
    let ask = "import os,socket\n\
        s=socket.socket(16,2,15); s.bind((0,1)); s.settimeout(20)\n\
        d='/sys/devices/virtual/mem/zero'\n\
        open(d+'/uevent','w').write('change 01234567-89ab-cdef-0123-456789abcdef NLHOOK=1')\n\
        print(open(d+'/uevent').read()+'SUBSYSTEM='+os.path.basename(os.readlink(d+'/subsystem')))\n\
        while b'SYNTH_ARG_NLHOOK' not in s.recv(9999): pass\n";
    let Some(exchange) = here(&["python3", "-c", ask]) else { return };
    let ours = exchange.messages.iter().find(|m| m.to_string().contains("SYNTH_ARG_NLHOOK"));
    let ours = ours.expect("the event");
    assert_eq!(ours["fields"][0]["value"], "change@/devices/virtual/mem/zero");
    let own = "ACTION=change\nDEVPATH=/devices/virtual/mem/zero\nSYNTH_ARG_NLHOOK=1\n\
               SYNTH_UUID=01234567-89ab-cdef-0123-456789abcdef";
    for line in exchange.printed.lines().chain(own.lines()) {
        let (name, value) = line.split_once('=').expect("a property");
        assert_eq!(field(ours, name)["value"], value);
    }
}

#[test]
fn what_the_routing_table_finds_is_what_ip_finds() {
    let Some(namespace) = Namespace::new() else { return };
    if !installed(&["python3"]) {
        return;
    }
    namespace.script(
        "ip link add v0 type veth peer name v1; ip addr add 198.51.100.1/24 dev v0
         ip link set v0 up; ip link set v1 up; ip route add 203.0.113.0/25 via 198.51.100.9",
    );
    let ask = "import socket,struct\n\
        s=socket.socket(16,3,10)\n\
        for a,t in ('198.51.100.7',254),('203.0.113.5',254),('198.51.100.1',255):\n\
        \x20s.send(struct.pack('=IHHII',36,0,1,5,0)+socket.inet_aton(a)\n\
        \x20 +struct.pack('=I8Bi',0,0,0,t,0,0,0,0,0,0)); s.recv(99)\n";
    let Some(exchange) = in_namespace(&namespace, &["python3", "-c", ask]) else { return };
    let answers: Vec<&Value> = exchange.messages.iter().filter(|m| m["dir"] == "receive").collect();
    assert_eq!(answers.len(), 3);
    for answer in answers {
        let address = plain(header(answer, "fl_addr"));
        let mut ip = namespace.command("ip");
        let theirs = run(ip.args(["route", "get", "fibmatch", &address])).expect(0).out();
        let length = u32::try_from(number(header(answer, "prefixlen"))).expect("a length");
        let found = u32::from(address.parse::<Ipv4Addr>().expect("an address"));
        let net = Ipv4Addr::from(found & !(u32::MAX.checked_shr(length).unwrap_or(0)));
        let kind = said(header(answer, "type"), "RTN_");
        let expected = match length {
            32 => format!("{kind} {net} "),
            _ => format!("{net}/{length} "),
        };
        assert!(theirs.starts_with(&expected), "{answer}\n{theirs}");
        let table = said(header(answer, "tb_id"), "RT_TABLE_");
        assert_eq!(theirs.starts_with("local "), table == "local", "{answer}\n{theirs}");
    }
}

/// Programs say to each other what they want.
#[test]
fn what_programs_tell_each_other_is_shown_as_it_is() {
    if !installed(&["python3"]) {
        return;
    }
    let Some(namespace) = Namespace::new() else { return };
    let talk = "import socket,struct\n\
        a=socket.socket(16,2,2); b=socket.socket(16,2,2); a.bind((0,0)); b.bind((0,0))\n\
        a.sendto(struct.pack('=IHHII',28,99,0,1,0)+b'hello, world',(b.getsockname()[0],0))\n\
        print(b.recv(99)[16:].decode())\n";
    let Some(exchange) = in_namespace(&namespace, &["python3", "-c", talk]) else { return };
    let texts: Vec<String> = exchange.messages.iter().map(plain).collect();
    assert_eq!(texts, [exchange.printed.trim(), "hello, world"]);
}
