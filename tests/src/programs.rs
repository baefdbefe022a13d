//! Programs that speak netlink, and a network for them to speak about.

use std::fmt;

use crate::namespace::Namespace;

/// Makes a namespace hold one of everything. What would change by itself is pinned.
pub const SETUP: &str = "
ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
ip link set v0 addrgenmode none
ip link set v1 addrgenmode none
ip link add br0 address 02:00:00:00:00:03 type bridge
ip link set br0 addrgenmode none
ip link set v1 master br0
ip link set v0 alias 'to the bridge'
ip link set v0 up
ip link set v1 up
ip address add 192.0.2.1/24 dev v0
ip address add 2001:db8::1/64 dev v0 nodad
ip route add 198.51.100.0/24 via 192.0.2.2 metric 7
ip route add 203.0.113.0/24 nexthop via 192.0.2.2 weight 2 nexthop via 192.0.2.3
ip route add blackhole 192.0.2.128/25
ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:09 dev v0
ip rule add from 192.0.2.0/24 table 100 priority 99
tc qdisc add dev v0 root handle 1: tbf rate 1mbit burst 10k latency 50ms
";

/// A program and its arguments.
#[derive(Clone, Copy)]
pub struct Program {
    /// What must be installed.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
}

impl fmt::Debug for Program {
    /// As one would type it, of a long script only the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        for argument in self.arguments {
            match argument.char_indices().rev().nth(60) {
                Some((at, _)) => write!(f, " …{}", argument.split_at(at).1)?,
                None => write!(f, " {argument}")?,
            }
        }
        Ok(())
    }
}

const fn program(program: &'static str, arguments: &'static [&'static str]) -> Program {
    Program { program, arguments }
}

/// What only asks, and answers the same however often it is asked.
pub const QUERIES: &[Program] = &[
    program("ip", &["link", "show", "lo"]),
    program("ip", &["-d", "link", "show", "v0"]),
    program("ip", &["address"]),
    program("ip", &["-6", "address", "show", "dev", "v0"]),
    program("ip", &["route"]),
    program("ip", &["-6", "route"]),
    program("ip", &["route", "show", "table", "all"]),
    program("ip", &["route", "get", "198.51.100.7"]),
    program("ip", &["neighbour"]),
    program("ip", &["rule"]),
    program("ip", &["-6", "rule"]),
    program("ip", &["netconf"]),
    program("ip", &["nexthop"]),
    program("ip", &["addrlabel"]),
    program("ip", &["maddress"]),
    program("ip", &["xfrm", "policy"]),
    program("ip", &["link", "show", "nosuch"]),
    program("ip", &["route", "get", "240.0.0.1", "oif", "lo"]),
    program("bridge", &["link"]),
    program("bridge", &["fdb"]),
    program("bridge", &["mdb"]),
    program("tc", &["qdisc", "show", "dev", "v0"]),
    program("tc", &["filter", "show", "dev", "v0"]),
    program("ss", &["-tuan"]),
    program("ethtool", &["-k", "v0"]),
    program("ethtool", &["v0"]),
    program("genl", &["ctrl", "list"]),
    program("nft", &["list", "ruleset"]),
    program("conntrack", &["-L"]),
    program("ipset", &["list"]),
    program("python3", &["-c", "import socket; print(socket.if_nameindex())"]),
];

/// What only asks, but is answered differently each time: counters and timers.
pub const VARYING: &[Program] = &[
    program("ip", &["-s", "link", "show", "v0"]),
    program("ip", &["-d", "link", "show", "br0"]),
    program("ip", &["ntable"]),
    program("ip", &["stats", "show", "dev", "v0"]),
    program("bridge", &["-d", "link"]),
    program("ss", &["-xa"]),
    program("ss", &["-a", "-f", "netlink"]),
    program("tc", &["-s", "qdisc"]),
    program("tc", &["-s", "class", "show", "dev", "v1"]),
    program("tc", &["actions", "list", "action", "mirred"]),
    program("ss", &["-tinme"]),
    program("ss", &["-0", "-a"]),
    program("ss", &["-uap", "sport", "=", ":53"]),
    program("ip", &["-s", "-s", "-d", "link"]),
    program("ip", &["-d", "-s", "nexthop"]),
    program("ip", &["mptcp", "limits", "show"]),
    program("ip", &["tcp_metrics", "show"]),
    program("ip", &["token", "list"]),
    program("bridge", &["-d", "vlan"]),
    program("genl", &["ctrl", "get", "name", "ethtool"]),
    program("conntrack", &["-S"]),
];

/// What changes something, or is refused to.
pub const CHANGES: &[Program] = &[
    program("ip", &["link", "add", "v2", "type", "veth", "peer", "name", "v3"]),
    program("ip", &["link", "add", "v0", "type", "veth"]),
    program("ip", &["link", "set", "v0", "mtu", "60000000"]),
    program("ip", &["link", "set", "v0", "mtu", "1400"]),
    program("ip", &["link", "add", "x0", "type", "nosuchkind"]),
    program("ip", &["address", "add", "192.0.2.9/24", "dev", "v0"]),
    program("ip", &["address", "add", "192.0.2.9/24", "dev", "v0"]),
    program("ip", &["route", "add", "10.0.0.0/8", "via", "172.16.0.1"]),
    program("ip", &["route", "add", "10.0.0.0/8", "dev", "v0"]),
    program("ip", &["route", "delete", "10.1.0.0/16"]),
    program("ip", &["-batch", "/dev/null"]),
    program("tc", &["qdisc", "add", "dev", "v1", "root", "handle", "1:", "htb", "default", "10"]),
    program("tc", &["qdisc", "delete", "dev", "lo", "root"]),
    program("nft", &["add", "table", "inet", "t"]),
    program("nft", &["add", "chain", "inet", "t", "c", "{ type filter hook input priority 0; }"]),
    program("nft", &["add", "rule", "inet", "t", "c", "tcp", "dport", "22", "counter", "accept"]),
    program("nft", &["delete", "table", "inet", "nosuch"]),
    program("ipset", &["create", "s", "hash:ip"]),
    program("ipset", &["add", "s", "192.0.2.1"]),
    program("iptables", &["-A", "INPUT", "-p", "tcp", "-j", "ACCEPT"]),
    program("ip", &["rule", "add", "from", "192.0.2.0/24", "lookup", "100", "priority", "77"]),
    program("ip", &["rule", "delete", "priority", "77"]),
    program("ip", &["neighbour", "add", "192.0.2.77", "lladdr", "2:0:0:0:0:1", "dev", "v0"]),
    program("ip", &["nexthop", "add", "id", "7", "blackhole"]),
    program("ip", &["nexthop", "delete", "id", "7"]),
    program("ip", &["link", "set", "v0", "alias", "a \"quoted\" name"]),
    program("ip", &["link", "delete", "v2"]),
];

/// A script that has `messages.py` before it.
macro_rules! by_hand {
    ($file:literal) => {
        program(
            "python3",
            &[
                "-c",
                concat!(
                    include_str!("programs/messages.py"),
                    include_str!(concat!("programs/", $file))
                ),
            ],
        )
    };
}

/// What no tool does by itself: every way to send and to receive, requests that nobody makes, messages
/// that are wrong.
pub const BY_HAND: &[Program] = &[
    by_hand!("pieces.py"),
    by_hand!("mistakes.py"),
    by_hand!("acks.py"),
    by_hand!("route.py"),
    by_hand!("sockets.py"),
    by_hand!("generic.py"),
    by_hand!("netfilter.py"),
    by_hand!("others.py"),
];

/// Requests with mistakes of all kinds.
pub const WRONG: Program = by_hand!("wrong.py");

/// What can happen between requests and answers, one by one: the functions of `conversations.py`.
pub const CONVERSATIONS: &str =
    concat!(include_str!("programs/messages.py"), include_str!("programs/conversations.py"));

/// A namespace that [`SETUP`] has filled.
#[must_use]
pub fn network() -> Option<Namespace> {
    let namespace = Namespace::new()?;
    namespace.script(SETUP);
    Some(namespace)
}
