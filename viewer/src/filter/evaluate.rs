//! Which messages of a call are shown.

use nlproto::{Call, Function, SockaddrNl, Socket};

use super::literal::text_of;
use super::probe::{Judge, Probe};
use super::{Expression, Field, Filter, Relation, Subject, Test};
use crate::decode::{self, Direction, Engine, MessageHead, Order, TextKind, Value};
use crate::state::{self, process::Process};
use crate::wire::message::{DONE, ERROR};

/// The messages that begin with an error number.
const WITH_ERROR: [u16; 2] = [ERROR, DONE];

/// What is known around the messages of a datagram. Of bytes without a call only the protocol and the
/// direction are.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Who called.
    pub process: Option<&'a Process>,
    /// The call.
    pub call: Option<&'a Call<'a>>,
    /// The function.
    pub function: Option<Function>,
    /// What is known of the socket.
    pub socket: Option<&'a Socket>,
    /// The netlink protocol, if it is one.
    pub protocol: Option<u32>,
    /// Which way the bytes went, if they went.
    pub direction: Option<Direction>,
    /// Number of the record.
    pub record: u64,
    /// The bytes.
    pub payload: &'a [u8],
    /// What a message answers.
    pub answers: &'a dyn Fn(&MessageHead<'_>) -> Option<Answered>,
}

/// What a message answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The type of the request.
    pub ty: u16,
    /// The nanoseconds since it was sent, where that is known.
    pub latency_ns: Option<u64>,
}

/// Which messages of a datagram a filter wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts(pub(super) Vec<bool>);

impl Verdicts {
    /// Whether the message with this number, from 0, is wanted.
    #[must_use]
    pub fn wants(&self, part: usize) -> bool {
        // What comes after the last message belongs to it.
        self.0.get(part).or(self.0.last()).copied().unwrap_or(false)
    }

    /// For each message whether it is wanted; of what has none, whether it is as a whole.
    #[must_use]
    pub fn into_parts(self) -> Vec<bool> {
        self.0
    }

    /// Whether any is.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.contains(&true)
    }

    /// Whether all are.
    #[must_use]
    pub fn all(&self) -> bool {
        !self.0.contains(&false)
    }
}

impl Filter {
    /// Which messages of a datagram are wanted; of a call that moved none, whether it is.
    #[must_use]
    pub fn verdicts(&self, engine: &Engine<'_>, around: &Around<'_>) -> Verdicts {
        let heads = self.look::<true>(engine, around);
        let known = if self.decodes { self.fields() } else { u64::MAX };
        let mut verdicts: Vec<Option<bool>> =
            heads.iter().map(|tests| self.expression.decide(*tests, known)).collect();
        if verdicts.iter().any(Option::is_none) {
            let whole = self.look::<false>(engine, around);
            let decide = |tests: &u64| self.expression.decide(*tests, u64::MAX);
            verdicts = whole.iter().map(decide).collect();
        }
        Verdicts(verdicts.into_iter().map(|verdict| verdict.unwrap_or(false)).collect())
    }

    /// The tests that headers answer.
    fn fields(&self) -> u64 {
        let bits = (0_u32..).zip(&self.tests);
        bits.filter(|(_, test)| matches!(test.subject, Subject::Field(_)))
            .fold(0, |all, (bit, _)| all | 1_u64.checked_shl(bit).unwrap_or(0))
    }

    /// The tests that hold of each message.
    fn look<const HEADS_ONLY: bool>(&self, engine: &Engine<'_>, around: &Around<'_>) -> Vec<u64> {
        let heads = Heads { filter: self, engine, around, all: Vec::new() };
        let mut probe = Probe::<_, HEADS_ONLY>::new(self, heads);
        if let (Some(protocol), Some(direction)) = (around.protocol, around.direction) {
            decode::datagram(engine, protocol, direction, around.payload, &mut probe);
        }
        probe.finish().all
    }
}

impl Expression {
    /// Whether it holds, as far as the tests that are known say.
    fn decide(&self, tests: u64, known: u64) -> Option<bool> {
        let bit = |index: usize| u32::try_from(index).ok().and_then(|i| 1_u64.checked_shl(i));
        match self {
            Self::Test(index) => {
                let bit = bit(*index).unwrap_or(0);
                (known & bit != 0).then_some(tests & bit != 0)
            }
            Self::Not(inside) => inside.decide(tests, known).map(|holds| !holds),
            Self::And(left, right) => match left.decide(tests, known) {
                Some(false) => Some(false),
                left => match (left, right.decide(tests, known)) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            },
            Self::Or(left, right) => match left.decide(tests, known) {
                Some(true) => Some(true),
                left => match (left, right.decide(tests, known)) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            },
        }
    }
}

impl Relation {
    /// Whether it holds of a value.
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Present => match value.number() {
                Some(number) => number != 0,
                None => text_of(value).is_none_or(|text| !text.is_empty()),
            },
            Self::Compare(comparison, operand) => {
                operand.order(value).is_some_and(|order| comparison.holds(order))
            }
            Self::In(all) => all
                .iter()
                .any(|operand| operand.order(value).is_some_and(std::cmp::Ordering::is_eq)),
            Self::Has(bits) => bits.is_in(value),
            Self::Matches(pattern) => text_of(value).is_some_and(|text| pattern.is_match(text)),
            Self::MatchesNot(pattern) => text_of(value).is_some_and(|text| !pattern.is_match(text)),
        }
    }
}

/// Answers the tests about fields.
struct Heads<'a> {
    filter: &'a Filter,
    engine: &'a Engine<'a>,
    around: &'a Around<'a>,
    /// The tests that hold of each message.
    all: Vec<u64>,
}

impl Judge for Heads<'_> {
    fn begin(&mut self, head: Option<&MessageHead<'_>>) -> u64 {
        let mut tests = 0;
        for (bit, test) in (0_u32..).zip(&self.filter.tests) {
            if let Subject::Field(field) = test.subject
                && self.holds(field, test, head)
            {
                tests |= 1_u64.checked_shl(bit).unwrap_or(0);
            }
        }
        tests
    }

    fn end(&mut self, tests: u64) {
        self.all.push(tests);
    }
}

impl Heads<'_> {
    fn holds(&self, field: Field, test: &Test, head: Option<&MessageHead<'_>>) -> bool {
        let holds = |value: &Value<'_>| test.relation.holds(value);
        let number = |v: u64| holds(&Value::uint(v, 8));
        let text = |text: &str| holds(&Value::Text { bytes: text.as_bytes(), kind: TextKind::Raw });
        let Around { process, call, socket, .. } = *self.around;
        let known = match field {
            Field::Pid => process.map(|process| number(process.pid.into())),
            Field::Comm => process.map(|process| text(&process.comm)),
            Field::Exe => process.map(|process| text(&process.exe)),
            Field::NetNs => process.map(|process| number(process.netns)),
            Field::Tid => call.map(|call| number(call.head.tid.into())),
            Field::Fd => call.map(|call| {
                let v = i64::from(call.head.fd);
                holds(&Value::Int { v, size: 4, order: Order::Host, hint: decode::Hint::None })
            }),
            Field::Call => self.around.function.map(|function| text(function.name())),
            Field::Dir => self.around.direction.map(|direction| {
                text(if direction == Direction::Send { "send" } else { "receive" })
            }),
            Field::Protocol => self.around.protocol.map(|protocol| number(protocol.into())),
            Field::PortId => socket.map(|socket| number(socket.portid.into())),
            Field::Record => Some(number(self.around.record)),
            Field::Group => {
                call.filter(|_| self.around.direction.is_some()).map(|call| self.group(test, call))
            }
            Field::Errno => {
                let errno = head.map_or_else(|| self.failure(), error_of);
                errno.map(|errno| holds(&self.engine.errno(errno)))
            }
            Field::Type => head.map(|head| holds(&head.ty)),
            Field::Flags => head.map(|head| holds(&head.flags)),
            Field::Command => head.and_then(|head| self.command(test, head)),
            Field::Family => head.and_then(|head| head.family).map(text),
            Field::Seq => head.map(|head| number(head.header.seq.into())),
            Field::Port => head.map(|head| number(head.header.portid.into())),
            Field::Len => head.map(|head| number(head.header.len.into())),
            Field::To => self.answered(head).map(|to| holds(&self.message_type(to.ty))),
            Field::Latency => self.answered(head).and_then(|to| to.latency_ns).map(number),
        };
        known.unwrap_or(false)
    }

    fn answered(&self, head: Option<&MessageHead<'_>>) -> Option<Answered> {
        head.and_then(|head| (self.around.answers)(head))
    }

    fn message_type(&self, ty: u16) -> Value<'_> {
        self.engine.request_type(self.around.protocol.unwrap_or(0), ty)
    }

    /// errno of a call that failed.
    fn failure(&self) -> Option<i32> {
        self.around.call.map(|call| call.head.errno).filter(|errno| *errno != 0)
    }

    /// The command of a generic family's message: the first byte behind the header.
    fn command(&self, test: &Test, head: &MessageHead<'_>) -> Option<bool> {
        let name = head.operation?;
        let v = u64::from(*head.payload.first()?);
        let value = Value::named(v, 1, Some(name), None);
        Some(test.relation.holds(&value))
    }

    /// Any of the groups that a datagram came by: the address has the first 32, the control data any.
    fn group(&self, test: &Test, call: &Call<'_>) -> bool {
        let groups = SockaddrNl::read(call.name).map_or(0, |address| address.groups);
        let names = self.engine.groups(call.head.protocol);
        let first = (1_u32..=32).filter(|number| groups & (1 << (number - 1)) != 0);
        first.chain(state::control::group(call.control)).any(|number| {
            let (v, name) = (u64::from(number), names.name(number));
            test.relation.holds(&Value::named(v, 4, name, None))
        })
    }
}

/// The error number of an acknowledgement, an error or a dump's end, positive.
fn error_of(head: &MessageHead<'_>) -> Option<i32> {
    if !WITH_ERROR.contains(&head.header.ty) {
        return None;
    }
    let bytes = head.payload.first_chunk::<4>()?;
    Some(i32::from_ne_bytes(*bytes).saturating_neg())
}
