//! Classic BPF instructions, which strace writes as the macros that C programs are written with.
//!
//! ```text
//! {code, jt, jf, k}   ->   BPF_STMT(BPF_LD|BPF_H|BPF_ABS, 0xc)
//!                          BPF_JUMP(BPF_JMP|BPF_K|BPF_JEQ, 0x800, 0, 0x1)
//! ```
//! The parts of a code are those of `linux/filter.h` and `linux/bpf_common.h`, with the names that
//! extended BPF added.

use super::lexical::{comment, dec, hex};

/// Members of a `struct sock_filter` as they come, then the whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Instruction {
    code: u64,
    jt: u64,
    jf: u64,
    k: u64,
}

const CLASSES: [&str; 8] =
    ["BPF_LD", "BPF_LDX", "BPF_ST", "BPF_STX", "BPF_ALU", "BPF_JMP", "BPF_RET", "BPF_MISC"];
const SIZES: [&str; 4] = ["BPF_W", "BPF_H", "BPF_B", "BPF_DW"];
const MODES: [&str; 7] =
    ["BPF_IMM", "BPF_ABS", "BPF_IND", "BPF_MEM", "BPF_LEN", "BPF_MSH", "BPF_XADD"];
const ARITHMETIC: [&str; 14] = [
    "BPF_ADD", "BPF_SUB", "BPF_MUL", "BPF_DIV", "BPF_OR", "BPF_AND", "BPF_LSH", "BPF_RSH",
    "BPF_NEG", "BPF_MOD", "BPF_XOR", "BPF_MOV", "BPF_ARSH", "BPF_END",
];
const JUMPS: [&str; 15] = [
    "BPF_JA",
    "BPF_JEQ",
    "BPF_JGT",
    "BPF_JGE",
    "BPF_JSET",
    "BPF_JNE",
    "BPF_JSGT",
    "BPF_JSGE",
    "BPF_CALL",
    "BPF_EXIT",
    "BPF_JLT",
    "BPF_JLE",
    "BPF_JSLT",
    "BPF_JSLE",
    "BPF_JCOND",
];
const RETURNS: [&str; 3] = ["BPF_K", "BPF_X", "BPF_A"];
/// `SKF_AD_*`, in steps of four from `SKF_AD_OFF`.
const ANCILLARY: [&str; 16] = [
    "PROTOCOL",
    "PKTTYPE",
    "IFINDEX",
    "NLATTR",
    "NLATTR_NEST",
    "MARK",
    "QUEUE",
    "HATYPE",
    "RXHASH",
    "CPU",
    "ALU_XOR_X",
    "VLAN_TAG",
    "VLAN_TAG_PRESENT",
    "PAY_OFFSET",
    "RANDOM",
    "VLAN_TPID",
];

const LD: u64 = 0;
const ABS: u64 = 0x20;
/// Loads from here on are of what is known of the packet, not of its bytes.
const AD_OFF: u64 = 0xffff_f000;
const NET_OFF: u64 = 0xfff0_0000;
const LL_OFF: u64 = 0xffe0_0000;

impl Instruction {
    /// Takes a member by its C name.
    pub(super) fn set(&mut self, member: &str, v: u64) {
        match member {
            "code" => self.code = v,
            "jt" => self.jt = v,
            "jf" => self.jf = v,
            _ => self.k = v,
        }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let jump = self.jt != 0 || self.jf != 0;
        out.extend_from_slice(if jump { b"BPF_JUMP(" } else { b"BPF_STMT(" });
        self.write_code(out);
        out.extend_from_slice(b", ");
        if jump {
            for (at, v) in [self.k, self.jt, self.jf].into_iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                hex(out, v);
            }
        } else {
            self.write_operand(out);
        }
        out.push(b')');
    }

    fn write_code(self, out: &mut Vec<u8>) {
        let class = self.code & 7;
        named(out, &CLASSES, class, self.code);
        let rest = self.code & !7;
        match class {
            0 | 1 => {
                part(out, &SIZES, (rest >> 3) & 3, rest & 0x18);
                part(out, &MODES, (rest >> 5) & 7, rest & 0xe0);
            }
            2 | 3 => left_over(out, rest),
            4 | 5 => {
                part(out, &["BPF_K", "BPF_X"], (rest >> 3) & 1, rest & 8);
                let names: &[&str] = if class == 4 { &ARITHMETIC } else { &JUMPS };
                part(out, names, (rest >> 4) & 0xf, rest & 0xf0);
                left_over(out, rest & !0xf8);
            }
            6 => {
                part(out, &RETURNS, (rest >> 3) & 3, rest & 0x18);
                left_over(out, rest & !0x18);
            }
            _ => {
                match rest & 0xf8 {
                    0 => out.extend_from_slice(b"|BPF_TAX"),
                    0x80 => out.extend_from_slice(b"|BPF_TXA"),
                    other => left_over(out, other),
                }
                left_over(out, rest & !0xf8);
            }
        }
    }

    fn write_operand(self, out: &mut Vec<u8>) {
        let loads = self.code & 7 == LD && self.code & 0xe0 == ABS;
        let (name, base): (&[u8], u64) = match self.k {
            k if !loads || k < LL_OFF => return hex(out, k),
            k if k >= AD_OFF => (b"SKF_AD_OFF+", AD_OFF),
            k if k >= NET_OFF => (b"SKF_NET_OFF+", NET_OFF),
            _ => (b"SKF_LL_OFF+", LL_OFF),
        };
        out.extend_from_slice(name);
        let offset = self.k.saturating_sub(base);
        if base != AD_OFF {
            return dec(out, offset);
        }
        let name = usize::try_from(offset / 4).ok().filter(|_| offset % 4 == 0);
        match name.and_then(|at| ANCILLARY.get(at)) {
            Some(name) => {
                out.extend_from_slice(b"SKF_AD_");
                out.extend_from_slice(name.as_bytes());
            }
            None => {
                hex(out, offset);
                comment(out, "SKF_AD_???");
            }
        }
    }
}

fn named(out: &mut Vec<u8>, names: &[&str], index: u64, v: u64) {
    match usize::try_from(index).ok().and_then(|at| names.get(at)) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => {
            hex(out, v);
            comment(out, "BPF_???");
        }
    }
}

fn part(out: &mut Vec<u8>, names: &[&str], index: u64, v: u64) {
    out.push(b'|');
    named(out, names, index, v);
}

fn left_over(out: &mut Vec<u8>, v: u64) {
    if v != 0 {
        part(out, &[], 0, v);
    }
}
