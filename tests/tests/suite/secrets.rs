//! No format shows key material, in whatever form it comes, and none is in a capture that was to be
//! without it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use nltests::artefacts::artefacts;
use nltests::hextext::Line;
use nltests::installed;
use nltests::namespace::Namespace;
use nltests::run::{nlview, plain_surroundings, replay, run};
use nltests::scratch::Scratch;
use nltests::spec_facts::{Spec, Specs, integer, list, text};
use nltests::spec_messages::{GENERIC_ID, variants};
use nltests::{root, spec_layout};
use serde_json::Value;

/// Key material that is found again in any form.
const KEY: &[u8] = b"Zq7Xw9Kp3Vt5Hn8RbG2dMc6Ys4Lf1Jv0";

/// The first bytes of the key that a text has, in any way of writing bytes; None if it has none.
fn leak(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    // Four bytes are no chance; fewer may be.
    let forms = KEY.windows(4).flat_map(|piece| {
        let digits = piece.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
        let decimals = piece.iter().map(ToString::to_string).collect::<Vec<_>>();
        let letters = String::from_utf8_lossy(piece).to_ascii_lowercase();
        let four = <[u8; 4]>::try_from(piece).expect("four bytes");
        let numbers = [u32::from_le_bytes(four), u32::from_be_bytes(four)].map(|n| n.to_string());
        ["", " ", ":", "\\x"]
            .map(|between| digits.join(between))
            .into_iter()
            .chain([", ", ",", "  "].map(|between| decimals.join(between)))
            .chain([letters])
            .chain(numbers)
    });
    let found = forms.into_iter().find(|form| lower.contains(form))?;
    let line = lower.lines().find(|line| line.contains(&found))?;
    Some(format!("{found} in {line}"))
}

/// Prints datagrams in every format, with hex and without: no key is seen, and its place is.
fn hides(before: &str, lines: &[Line], options: &[&str]) {
    let scratch = Scratch::new();
    let text: String = lines.iter().map(|line| line.text() + "\n").collect();
    let file = scratch.file("x.nlhex", before.to_owned() + &text);
    for format in crate::formats() {
        for hex in [&[][..], &["-x"]] {
            let options = [options, hex].concat();
            let out = replay(&file, &format, &options).expect(0);
            assert!(out.stderr.is_empty(), "{format}: {out:?}");
            let out = out.out();
            assert_eq!(leak(&out), None, "{format} {options:?}");
        }
    }
}

fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 16).unwrap();
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend(kind.to_le_bytes());
    bytes.extend([5, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

/// A message in all the forms in which a key might slip out: cut anywhere, echoed in an error, behind
/// another one, followed by something.
fn forms(line: &Line) -> Vec<Line> {
    let with = |sent, bytes| Line { protocol: line.protocol.clone(), sent, bytes };
    let bytes = &line.bytes;
    let mut all = vec![with(true, bytes.clone()), with(false, bytes.clone())];
    for len in (17..bytes.len()).step_by(3) {
        let mut cut = bytes[..len].to_vec();
        all.push(with(true, cut.clone()));
        cut[..4].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        all.push(with(true, cut));
    }
    let echo = |echoed: &[u8]| message(2, &[&(-22_i32).to_le_bytes(), echoed].concat());
    all.push(with(false, echo(bytes)));
    for len in (20..bytes.len()).step_by(5) {
        all.push(with(false, echo(&bytes[..len])));
    }
    let mut aligned = bytes.clone();
    aligned.resize(aligned.len().next_multiple_of(4), 0);
    all.push(with(true, [aligned.as_slice(), &aligned, &aligned].concat()));
    all.push(with(false, [echo(&aligned), echo(&aligned)].concat()));
    // Lengths that lie: what follows cannot be told from what it is.
    let mut lying = aligned.clone();
    lying[..4].copy_from_slice(&8_u32.to_le_bytes());
    all.push(with(true, lying));
    all
}

/// Whether a definition or attribute holds key material at once.
fn is_secret(item: &Value) -> bool {
    item.get("secret").and_then(Value::as_bool) == Some(true)
}

/// A struct with a key in its secret member, as far as its members have a place.
fn struct_with_key(specs: &Specs, spec: &Spec, definition: &Value) -> Option<Vec<u8>> {
    let members = list(definition, "members");
    let secret = members.iter().position(is_secret)?;
    let mut before = definition.clone();
    before["members"] = members[..secret].to_vec().into();
    let front = spec_layout::of(specs, spec, &before)?;
    let mut bytes = vec![0; usize::try_from(front.size?).ok()?];
    let member = &members[secret];
    let len = integer(member, "len").map_or(KEY.len(), |len| usize::try_from(len).unwrap());
    if let Some(of) = text(member, "len") {
        // The member that says how long the key is, in its own unit.
        let (_, at) =
            front.offsets.iter().find(|(name, _)| name.replace('_', "-").ends_with(of))?;
        let unit = if text(member, "len-in") == Some("bits") { 8 } else { 1 };
        let at = usize::try_from(*at).ok()?;
        let said = u32::try_from(len * unit).ok()?;
        bytes.get_mut(at..at + 4)?.copy_from_slice(&said.to_le_bytes());
    }
    bytes.extend(KEY.iter().cycle().take(len));
    let whole = spec_layout::of(specs, spec, definition).and_then(|layout| layout.size);
    bytes.resize(bytes.len().max(usize::try_from(whole.unwrap_or(0)).ok()?), 0);
    Some(bytes)
}

/// Messages with a key in every place that a spec marks and an attribute reaches.
fn messages_with_keys(specs: &Specs, spec: &Spec) -> (Vec<Line>, BTreeSet<String>) {
    let (mut lines, mut places) = (Vec::new(), BTreeSet::new());
    for variant in variants(specs, spec) {
        let Some((set, name)) = variant.attribute.split_once('/') else { continue };
        let found = specs.0.values().find_map(|owner| {
            let sets = list(&owner.document, "attribute-sets").iter();
            let set = sets.into_iter().find(|s| text(s, "name") == Some(set))?;
            let attributes = list(set, "attributes").iter();
            let attribute = attributes.into_iter().find(|a| text(a, "name") == Some(name))?;
            Some((owner, attribute))
        });
        let Some((owner, attribute)) = found else { continue };
        let mut bytes = variant.line.bytes.clone();
        let payload = if is_secret(attribute) {
            KEY.iter().cycle().copied().take(variant.payload.len()).collect()
        } else {
            let Some(reference) = text(attribute, "struct") else { continue };
            let Some((owner, definition)) = specs.resolve(owner, reference) else { continue };
            let Some(payload) = struct_with_key(specs, owner, definition) else { continue };
            payload
        };
        if payload.len() < 4 || !variant.line.sent || places.contains(&variant.attribute) {
            continue;
        }
        // The innermost attribute is the last thing in the message: it takes its new payload.
        let Some(nested) = (payload.len() + 4).checked_sub(variant.payload.len() + 4) else {
            continue;
        };
        if nested == 0 {
            bytes[variant.payload.clone()].copy_from_slice(&payload);
        } else if !grow(&mut bytes, variant.payload.start, &payload) {
            continue;
        }
        places.insert(variant.attribute.clone());
        lines.push(Line { bytes, ..variant.line });
    }
    (lines, places)
}

/// Gives the last attribute of a message, which has no other around it, a longer payload.
fn grow(bytes: &mut Vec<u8>, start: usize, payload: &[u8]) -> bool {
    let Some(header) = start.checked_sub(4) else { return false };
    bytes.truncate(start);
    bytes.extend(payload);
    let len = u16::try_from(payload.len() + 4).unwrap();
    bytes[header..header + 2].copy_from_slice(&len.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let len = u32::try_from(bytes.len()).unwrap();
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    true
}

#[test]
fn no_format_shows_what_the_specs_mark() {
    let specs = Specs::read(&root().join("viewer/specs"));
    let mut marked = 0;
    for spec in specs.0.values() {
        let (lines, places) = messages_with_keys(&specs, spec);
        if lines.is_empty() {
            continue;
        }
        println!("{}: {places:?}", spec.file);
        marked += places.len();
        let before = format!("%genl {GENERIC_ID} {}\n", spec.name());
        let all: Vec<Line> = lines.iter().flat_map(forms).collect();
        hides(&before, &all, &[]);
        // The key is in there: it is shown to who asks for it.
        let scratch = Scratch::new();
        let text: String = lines.iter().map(|line| line.text() + "\n").collect();
        let file = scratch.file("x.nlhex", before + &text);
        let out = replay(&file, "json", &["--show-secrets"]).expect(0).out();
        for (shown, line) in out.lines().zip(&lines) {
            assert!(leak(shown).is_some(), "{}: {shown}", line.text());
        }
        for format in crate::formats() {
            let out = replay(&file, &format, &[]).expect(0).out();
            assert!(out.contains("<redacted "), "{} {format}: {out}", spec.file);
        }
    }
    assert!(marked >= 5, "only {marked} attributes with key material");
}

const VAULT: &str = "\
name: vault
protocol: genetlink
definitions:
- {name: lock, type: struct, members: [{name: id, type: u32}, {name: key, type: binary, len: 32, secret: true}]}
- {name: pin, type: struct, members: [{name: id, type: u32}, {name: number, type: u64, secret: true}]}
- {name: list, type: struct, members: [{name: n, type: u32}, {name: keys, type: u32, count: rest, secret: true}]}
attribute-sets:
- name: top
  name-prefix: vault-a-
  attributes:
  - {name: key, type: string, secret: true}
  - {name: number, type: u64, secret: true}
  - {name: inner, type: nest, nested-attributes: inner}
  - {name: lock, type: binary, struct: lock}
  - {name: locks, type: binary, struct: lock, array: true}
  - {name: pin, type: binary, struct: pin}
  - {name: list, type: binary, struct: list}
  - {name: many, type: indexed-array, sub-type: nest, nested-attributes: inner}
  - {name: kind, type: u8}
  - {name: form, type: sub-message, sub-message: form, selector: kind}
- name: inner
  name-prefix: vault-inner-
  attributes:
  - {name: key, type: binary, secret: true}
  - {name: deeper, type: nest, nested-attributes: inner}
sub-messages:
- name: form
  formats: [{value: 1, type: binary, secret: true}, {value: 2, type: u32}]
operations:
  name-prefix: vault-cmd-
  attribute-set: top
  list: [{name: open, value: 1}]
";

fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 4).unwrap();
    let mut bytes = [len.to_le_bytes(), kind.to_le_bytes()].concat();
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Every way in which the language can say that something is secret, and every way to miss it.
#[test]
fn whatever_may_be_a_key_is_none_to_see() {
    let scratch = Scratch::new();
    let spec = scratch.file("vault.yaml", VAULT);
    let words = [&[7, 0, 0, 0], KEY].concat();
    let inner = attribute(1, KEY);
    let deep = (0..40).fold(inner.clone(), |inner, _| attribute(0x8002, &inner));
    let payloads = [
        attribute(1, KEY),
        attribute(2, &KEY[..8]),
        attribute(2, KEY),
        attribute(0x8003, &inner),
        attribute(3, &[&inner[..], &[1, 0]].concat()),
        // A list whose lengths lie.
        attribute(3, &[&[2, 0, 1, 0][..], KEY].concat()),
        attribute(3, &[&[200, 0, 1, 0][..], KEY].concat()),
        attribute(3, &deep),
        attribute(4, &words),
        attribute(4, &[&words[..], KEY].concat()),
        attribute(5, &words.repeat(2)),
        attribute(6, &words[..12]),
        attribute(7, &words),
        attribute(8, &attribute(1, &inner)),
        [attribute(9, &[1]), attribute(10, KEY)].concat(),
        // No form is known for this, so it may be that one.
        [attribute(9, &[9]), attribute(10, KEY)].concat(),
        attribute(10, KEY),
    ];
    let line = |command: u8, payload: &[u8]| Line {
        protocol: "GENERIC".into(),
        sent: true,
        bytes: message(GENERIC_ID, &[&[command, 1, 0, 0], payload].concat()),
    };
    let mut lines: Vec<Line> = payloads.iter().flat_map(|p| forms(&line(1, p))).collect();
    // A command that the spec does not know.
    lines.extend(payloads.iter().flat_map(|p| forms(&line(77, p))));
    hides(&format!("%genl {GENERIC_ID} vault\n"), &lines, &["--spec", spec.to_str().unwrap()]);
}

#[test]
fn passwords_of_iscsi() {
    let event = |kind: u16, u: &[u8], data: &[u8]| {
        let mut bytes = u32::from(kind).to_le_bytes().to_vec();
        bytes.extend([0; 12]);
        bytes.extend(u);
        bytes.resize(56, 0);
        bytes.extend(data);
        Line { protocol: "ISCSI".into(), sent: true, bytes: message(kind, &bytes) }
    };
    let words = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let info = |param: u16| {
        let len = u32::try_from(KEY.len()).unwrap();
        [&len.to_le_bytes()[..], &param.to_le_bytes(), KEY].concat()
    };
    let record = {
        let mut bytes = vec![0; 264];
        bytes.extend(KEY.iter().cycle().take(256));
        bytes.extend([32, 0, 0, 0]);
        bytes
    };
    let lines = [
        event(16, &words(&[1, 1, 24, 33]), &[KEY, &[0]].concat()),
        event(16, &words(&[1, 1, 25, 33]), &[KEY, &[0]].concat()),
        event(33, &words(&[1, 1]), &record.repeat(2)),
        event(35, &words(&[1, 1, 1]), &attribute(1, &info(54))),
        event(41, &words(&[1]), &attribute(1, &info(3))),
    ];
    hides("", &lines.iter().flat_map(forms).collect::<Vec<_>>(), &[]);
}

/// Adds states with keys to the kernel, one a message, many a message, and more than one frame holds;
/// whatever the kernel makes of them, it answers with what it was asked.
const ADD_STATES: &str = r"
import os, socket, struct
key = os.environ['KEY'].encode()
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
s.settimeout(1)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
def state(spi):
    sel = bytes(56)
    ident = socket.inet_aton('192.0.2.9') + bytes(12) + struct.pack('>I', spi) + struct.pack('B3x', 50)
    info = sel + ident + socket.inet_aton('192.0.2.1') + bytes(12) + b'\xff' * 32 + bytes(32) + bytes(32) + bytes(12)
    info += struct.pack('=IIHBBB7x', 0, 1, 2, 1, 0, 0)
    alg = b'cbc(aes)'.ljust(64, b'\0') + struct.pack('=I', len(key) * 8) + key
    body = info + struct.pack('=HH', len(alg) + 4, 2) + alg
    body += bytes(-len(body) % 4)
    return struct.pack('=IHHII', len(body) + 16, 16, 5, spi, 0) + body
def drain():
    try:
        while True: s.recv(1 << 17)
    except OSError: pass
s.send(state(1))
s.send(state(2) + state(3))
drain()
s.send(b''.join(state(n) for n in range(4, 204)))
drain()
";

fn traced(namespace: &Namespace, options: &[&str], transport: &str) -> Command {
    let mut command = namespace.command(&artefacts().nlview);
    command.args(options).env("NLHOOK_TRANSPORT", transport);
    command.env("KEY", std::str::from_utf8(KEY).unwrap());
    command.args(["--", "python3", "-c", ADD_STATES]);
    command
}

fn keys_in(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap();
    bytes.windows(KEY.len()).filter(|window| *window == KEY).count()
}

#[test]
fn captures_without_keys() {
    let Some(namespace) = Namespace::new().filter(|_| installed(&["python3"])) else { return };
    let scratch = Scratch::new();
    let (plain, clean, again) =
        (scratch.path("plain.nlcap"), scratch.path("clean.nlcap"), scratch.path("again.nlcap"));
    for transport in ["ring", "socket"] {
        let options = |file: &Path, more: &[&str]| {
            let mut all = vec!["-w".to_owned(), file.to_str().unwrap().to_owned()];
            all.extend(more.iter().map(|word| (*word).to_owned()));
            all
        };
        let go = |file: &Path, more: &[&str]| {
            let options = options(file, more);
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            run(&mut traced(&namespace, &options, transport)).expect(0)
        };
        let _out = go(&plain, &["-o", "/dev/null"]);
        let given = keys_in(&plain);
        assert!(given > 400, "{transport}: the key stands there {given} times only");
        let out = go(&clean, &["-o", "/dev/null", "--redact"]);
        assert!(out.stderr.is_empty(), "{out:?}");
        assert_eq!(keys_in(&clean), 0, "{transport}");
        let mode = fs::metadata(&clean).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::metadata(&plain).unwrap().permissions().mode() & 0o777, 0o600);
        // A capture is cleaned later, and says the same as it did.
        let write = ["-w", again.to_str().unwrap(), "--redact"];
        let before = replay(&plain, "json", &write).expect(0).out();
        assert_eq!(keys_in(&again), 0, "{transport}");
        assert_eq!(fs::metadata(&again).unwrap().len(), fs::metadata(&plain).unwrap().len());
        let after = replay(&again, "json", &[]).expect(0).out();
        assert_eq!(before.lines().count(), after.lines().count());
        for (one, other) in before.lines().zip(after.lines()) {
            assert_eq!(one, other, "{transport}");
        }
    }
}

/// A capture that ends in the middle of a call in parts has no key either.
#[test]
fn captures_that_end_too_early() {
    let Some(namespace) = Namespace::new().filter(|_| installed(&["python3"])) else { return };
    let scratch = Scratch::new();
    let (plain, cut, clean) =
        (scratch.path("plain.nlcap"), scratch.path("cut.nlcap"), scratch.path("clean.nlcap"));
    let options = ["-w", plain.to_str().unwrap(), "-o", "/dev/null"];
    let _out = run(&mut traced(&namespace, &options, "socket")).expect(0);
    let bytes = fs::read(&plain).unwrap();
    for len in (1..12).map(|n| bytes.len() * n / 12) {
        fs::write(&cut, &bytes[..len]).unwrap();
        let write = ["-w", clean.to_str().unwrap(), "--redact", "-o", "/dev/null"];
        let out = replay(&cut, "json", &write);
        assert!([0, 1].contains(&out.status), "{out:?}");
        assert_eq!(keys_in(&clean), 0, "{len} bytes");
    }
}

/// What the shim writes alone has all that was said, so only its owner may read it.
#[test]
fn the_shim_s_own_file_is_its_owner_s() {
    let scratch = Scratch::new();
    let file = scratch.path("x.nlcap");
    let mut command = Command::new("ip");
    plain_surroundings(&mut command);
    command.env("LD_PRELOAD", &artefacts().nlhook).env("NLHOOK_FILE", &file);
    let _out = run(command.args(["link", "show", "lo"])).expect(0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn redact_belongs_to_write() {
    let out = run(nlview().args(["--redact", "--read", "/dev/null"]));
    assert_eq!(out.status, 2, "{out:?}");
}
