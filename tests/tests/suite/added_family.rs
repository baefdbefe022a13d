//! A family is a data file: one that nobody has heard of is decoded as soon as its file is there.

use std::fs;
use std::process::Command;

use nltests::artefacts::artefacts;
use nltests::run::run;
use nltests::scratch::Scratch;

const SPEC: &str = "\
name: kettle
protocol: genetlink
definitions:
- {name: state, type: enum, name-prefix: kettle-, entries: [cold, warm, boiling]}
attribute-sets:
- name: pot
  name-prefix: kettle-a-
  attributes:
  - {name: label, type: string}
  - {name: state, type: u32, enum: state}
  - {name: lid, type: nest, nested-attributes: lid}
- name: lid
  name-prefix: kettle-lid-
  attributes:
  - {name: open, type: flag}
operations:
  name-prefix: kettle-cmd-
  attribute-set: pot
  list:
  - {name: pour, value: 1, do: {request: {}}}
";

/// A message of family 40: the command, a text, a number and a nest.
const MESSAGES: &str = "\
%genl 40 kettle
GENERIC > 30000000 2800 0500 07000000 00000000
  01010000
  07000100 626f6200
  08000200 02000000
  08000380 04000100
";

fn shown(format: &str, spec: bool) -> String {
    let scratch = Scratch::new();
    let (spec_file, text) = (scratch.path("kettle.yaml"), scratch.path("kettle.nlhex"));
    fs::write(&spec_file, SPEC).unwrap();
    fs::write(&text, MESSAGES).unwrap();
    let mut command = Command::new(&artefacts().nlview);
    command.args(["-f", format, "--read"]).arg(&text);
    if spec {
        command.arg("--spec").arg(&spec_file);
    }
    let out = run(&mut command);
    assert_eq!(out.status, 0, "{out:?}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn a_file_at_run_time_names_everything() {
    let text = shown("strace", true);
    assert_eq!(
        text,
        "[{nlmsg_len=48, nlmsg_type=kettle, nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK, nlmsg_seq=7, \
         nlmsg_pid=0}, {cmd=KETTLE_CMD_POUR, version=1}, [[{nla_len=7, nla_type=KETTLE_A_LABEL}, \
         \"bob\"...], [{nla_len=8, nla_type=KETTLE_A_STATE}, KETTLE_BOILING], [{nla_len=8, \
         nla_type=NLA_F_NESTED|KETTLE_A_LID}, {nla_len=4, nla_type=KETTLE_LID_OPEN}]]]\n"
    );
    let tree = shown("tree", true);
    for word in ["KETTLE_CMD_POUR", "KETTLE_A_LABEL", "KETTLE_BOILING", "KETTLE_LID_OPEN"] {
        assert!(tree.contains(word), "{word} is not in\n{tree}");
    }
}

#[test]
fn without_it_the_bytes_are_shown() {
    let text = shown("strace", false);
    assert!(text.contains("{cmd=0x1, version=1}"), "{text}");
    assert!(text.contains("nla_type=0x2}, \"\\x02\\x00\\x00\\x00\""), "{text}");
}
