//! `-e EXPR`: which messages are shown.
//!
//! ```text
//! type == RTM_NEWROUTE && RTA_DST in 10.0.0.0/8
//! errno != 0 || latency > 1ms
//! comm == "ip" && IFLA_LINKINFO.IFLA_INFO_KIND =~ "^v(eth|xlan)$"
//! flags & NLM_F_DUMP && !(type in {RTM_GETLINK, RTM_GETADDR})
//! ```
//!
//! A word of small letters is a *field* of the message or of the call around it ([`Field`]); any other word
//! is the C name of an attribute, a struct or a struct's member, wherever in the message it stands. Names
//! joined by dots stand within each other. An attribute alone asks whether it is there, a field or a member
//! whether it is not 0.
//!
//! `lexer` makes words, `parser` an expression of them, `literal` is what they can be compared with;
//! `probe` looks a message through, `evaluate` decides.

mod error;
mod evaluate;
mod field;
mod lexer;
mod literal;
mod names;
mod parser;
mod probe;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use evaluate::{Answered, Around, Verdicts};
pub use field::Field;
pub use names::Names;

use self::literal::Operand;

/// A filter, ready to be used.
#[derive(Debug)]
pub struct Filter {
    expression: Expression,
    tests: Vec<Test>,
    /// Whether any test is about what is decoded, beyond headers.
    decodes: bool,
}

/// How tests are joined.
#[derive(Debug)]
enum Expression {
    /// The test with this index.
    Test(usize),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// One question about a message.
#[derive(Debug)]
struct Test {
    subject: Subject,
    relation: Relation,
}

/// What is asked about.
#[derive(Debug)]
enum Subject {
    Field(Field),
    /// C names, each within the one before.
    Path(Vec<Box<str>>),
}

/// What is asked.
#[derive(Debug)]
enum Relation {
    /// Whether it is there; of a number, whether it is not 0.
    Present,
    Compare(Comparison, Operand),
    /// Whether it is one of these.
    In(Vec<Operand>),
    /// Whether any of these bits is set.
    Has(Operand),
    Matches(regex::bytes::Regex),
    MatchesNot(regex::bytes::Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Filter {
    /// Reads an expression. `names` says which C names there are; without it all are taken for good.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, Error> {
        parser::parse(text, names)
    }

    /// Whether it asks about anything that must be decoded, beyond messages' headers.
    #[must_use]
    pub const fn decodes(&self) -> bool {
        self.decodes
    }
}
