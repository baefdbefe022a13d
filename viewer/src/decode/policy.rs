//! What the kernel itself says of a generic family's attributes: the policies by which it checks
//! requests, as its controller tells them. They give types, not names, to families without a spec.

use std::collections::HashMap;

use crate::wire::attr::{Attr, Attrs};
use crate::wire::message::Message;
use crate::wire::{Step, u32_at};

/// Length of a `struct genlmsghdr`, and `CTRL_CMD_GETPOLICY`.
const GENL_HEADER_LEN: usize = 4;
const GETPOLICY: u8 = 10;
/// `CTRL_ATTR_POLICY`, `CTRL_ATTR_OP_POLICY`.
const POLICY: u16 = 8;
const OP_POLICY: u16 = 9;
/// `NL_POLICY_TYPE_ATTR_TYPE`, `NL_POLICY_TYPE_ATTR_POLICY_IDX`.
const RULE_TYPE: u16 = 1;
const RULE_POLICY: u16 = 8;

/// What is known of one family.
#[derive(Debug, Default)]
pub struct Policy {
    /// By command: which set of rules its requests are checked by.
    commands: HashMap<u16, Set>,
    /// How many commands each of these sets has.
    uses: HashMap<Set, usize>,
    /// What a set says of an attribute.
    rules: HashMap<(Set, u16), Rule>,
    /// The answer that is being taken in, and its number here.
    answer: Option<(u32, u32)>,
    answers: u32,
}

/// A set of rules. The kernel numbers them in each answer anew, so it goes with the answer's number.
pub(super) type Set = (u32, u32);

/// What one attribute has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its form.
    pub(super) form: Form,
    /// The rules of the attributes within.
    pub(super) within: Option<Set>,
}

/// The form of an attribute that a rule asks for: `enum netlink_attribute_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Says all by its presence.
    Flag,
    /// A number of so many bytes.
    Unsigned(usize),
    /// A signed number of so many bytes.
    Signed(usize),
    /// A number of four or eight bytes.
    AnyUnsigned,
    /// A signed number of four or eight bytes.
    AnySigned,
    /// Bytes.
    Binary,
    /// Character data.
    Text,
    /// Attributes.
    Nested,
    /// Attributes that are indexes, with attributes in each.
    NestedArray,
    /// A value and a selector.
    Bitfield32,
}

impl Form {
    const fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Flag,
            2 => Self::Unsigned(1),
            3 => Self::Unsigned(2),
            4 => Self::Unsigned(4),
            5 => Self::Unsigned(8),
            6 => Self::Signed(1),
            7 => Self::Signed(2),
            8 => Self::Signed(4),
            9 => Self::Signed(8),
            10 => Self::Binary,
            11 | 12 => Self::Text,
            13 => Self::Nested,
            14 => Self::NestedArray,
            15 => Self::Bitfield32,
            16 => Self::AnySigned,
            17 => Self::AnyUnsigned,
            _ => return None,
        })
    }
}

impl Policy {
    /// Takes in a message of the controller. Returns whether it said anything.
    pub fn learn(&mut self, message: &Message<'_>) -> bool {
        let Some((&GETPOLICY, _)) = message.payload.split_first() else { return false };
        let attrs = message.payload.get(GENL_HEADER_LEN..).unwrap_or(&[]);
        let answer = Some((message.header.seq, message.header.portid));
        if self.answer != answer {
            self.answer = answer;
            self.answers = self.answers.wrapping_add(1);
        }
        let mut learned = false;
        for attr in each(attrs) {
            match attr.number() {
                OP_POLICY => each(attr.payload).for_each(|op| self.command(&op)),
                POLICY => each(attr.payload).for_each(|set| self.set(&set)),
                _ => continue,
            }
            learned = true;
        }
        learned
    }

    /// A command, with the sets for a request that does something and for one that lists. The first
    /// that there is will do.
    fn command(&mut self, op: &Attr<'_>) {
        let Some(set) = each(op.payload).next().and_then(|set| u32_at(set.payload, 0)) else {
            return;
        };
        let set = (self.answers, set);
        let before = self.commands.insert(op.number(), set);
        *self.uses.entry(set).or_default() += 1;
        if let Some(before) = before
            && let Some(uses) = self.uses.get_mut(&before)
        {
            *uses = uses.saturating_sub(1);
            if *uses == 0 {
                self.uses.remove(&before);
            }
        }
    }

    fn set(&mut self, set: &Attr<'_>) {
        let answer = self.answers;
        for attr in each(set.payload) {
            if let Some(rule) = Rule::read(answer, attr.payload) {
                self.rules.insert(((answer, u32::from(set.number())), attr.number()), rule);
            }
        }
    }

    /// How much there is of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len().saturating_add(self.rules.len())
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules for a command's attributes. Most families have one set for all of them, which then
    /// holds for commands too that are only answers.
    pub(super) fn rules_of(&self, command: u8) -> Option<Set> {
        let own = self.commands.get(&u16::from(command));
        own.or_else(|| self.uses.keys().next().filter(|_| self.uses.len() == 1)).copied()
    }

    pub(super) fn rule(&self, rules: Set, attr: u16) -> Option<Rule> {
        self.rules.get(&(rules, attr)).copied()
    }
}

impl Rule {
    fn read(answer: u32, attrs: &[u8]) -> Option<Self> {
        let mut form = None;
        let mut within = None;
        for attr in each(attrs) {
            match attr.number() {
                RULE_TYPE => form = u32_at(attr.payload, 0).and_then(Form::of),
                RULE_POLICY => within = u32_at(attr.payload, 0).map(|set| (answer, set)),
                _ => {}
            }
        }
        Some(Self { form: form?, within })
    }
}

fn each(bytes: &[u8]) -> impl Iterator<Item = Attr<'_>> {
    Attrs::new(bytes).filter_map(|step| match step {
        Step::Element(attr) => Some(attr),
        _ => None,
    })
}
