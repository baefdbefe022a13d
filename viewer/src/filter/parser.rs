//! From pieces to an expression.
//!
//! ```text
//! any      all ("||" all)*
//! all      one ("&&" one)*
//! one      "!" one | "(" any ")" | test
//! test     name [relation]
//! relation ("==" | "!=" | "<" | "<=" | ">" | ">=") value | "&" value | ("=~" | "!~") text
//!          | "in" (range | "{" range ("," range)* "}")
//! range    value [".." value]
//! ```

use std::ops::Range;

use regex::bytes::Regex;

use super::error::{Error, nearest};
use super::field::Shape;
use super::lexer::{Piece, Token, pieces};
use super::literal::Operand;
use super::{Comparison, Expression, Field, Filter, Names, Relation, Subject, Test};

/// How deep expressions may nest.
const MAX_DEPTH: usize = 100;

/// Most tests of a filter: one bit each while a message is looked through.
const MAX_TESTS: usize = 64;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Reads a whole expression.
pub(super) fn parse(text: &str, names: &dyn Names) -> Result<Filter, Error> {
    let pieces = pieces(text)?;
    let mut parser = Parser { text, names, pieces, at: 0, tests: Vec::new() };
    let expression = parser.any(0)?;
    match parser.next() {
        Piece { token: Token::End, .. } => {}
        Piece { token: Token::Sign(")"), place } => {
            return Err(parser.wrong(place, "there is no ( for this"));
        }
        Piece { place, .. } => {
            return Err(parser.wrong(place, "expected && or || or the end"));
        }
    }
    let decodes = parser.tests.iter().any(|test| matches!(test.subject, Subject::Path(_)));
    Ok(Filter { expression, tests: parser.tests, decodes })
}

struct Parser<'t> {
    text: &'t str,
    names: &'t dyn Names,
    pieces: Vec<Piece>,
    at: usize,
    tests: Vec<Test>,
}

impl Parser<'_> {
    fn wrong(&self, place: Range<usize>, message: impl Into<String>) -> Error {
        Error::new(self.text, place, message)
    }

    fn peek(&self) -> &Token {
        self.pieces.get(self.at).map_or(&Token::End, |piece| &piece.token)
    }

    /// The next piece; the end comes as often as it is asked for.
    fn next(&mut self) -> Piece {
        let end = self.text.len();
        let piece = self.pieces.get(self.at).cloned();
        self.at = self.at.saturating_add(1);
        piece.unwrap_or(Piece { token: Token::End, place: end..end })
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Token::Sign(found) if *found == sign);
        if is_it {
            self.at = self.at.saturating_add(1);
        }
        is_it
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Token::Word(found) if found == word);
        if is_it {
            self.at = self.at.saturating_add(1);
        }
        is_it
    }

    fn any(&mut self, depth: usize) -> Result<Expression, Error> {
        let mut left = self.all(depth)?;
        while self.takes("||") || self.takes_word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.all(depth)?));
        }
        Ok(left)
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Error> {
        let mut left = self.one(depth)?;
        while self.takes("&&") || self.takes_word("and") {
            left = Expression::And(Box::new(left), Box::new(self.one(depth)?));
        }
        Ok(left)
    }

    fn one(&mut self, depth: usize) -> Result<Expression, Error> {
        let Piece { token, place } = self.next();
        if depth > MAX_DEPTH {
            return Err(self.wrong(place, "nested too deep"));
        }
        match token {
            Token::Sign("!") => self.not(depth),
            Token::Word(word) if word == "not" => self.not(depth),
            Token::Sign("(") => {
                let inside = self.any(depth.saturating_add(1))?;
                if self.takes(")") {
                    return Ok(inside);
                }
                Err(self.wrong(place, "there is no ) for this"))
            }
            Token::Word(word) => self.test(&word, &place),
            Token::End => Err(self.wrong(place, "expected a field or the name of an attribute")),
            Token::Text(_) => Err(self.wrong(place, "a text stands on the right of a comparison")),
            Token::Sign(sign) => {
                let message =
                    format!("expected a field or the name of an attribute in front of {sign}");
                Err(self.wrong(place, message))
            }
        }
    }

    fn not(&mut self, depth: usize) -> Result<Expression, Error> {
        Ok(Expression::Not(Box::new(self.one(depth.saturating_add(1))?)))
    }

    fn test(&mut self, word: &str, place: &Range<usize>) -> Result<Expression, Error> {
        let subject = self.subject(word, place)?;
        let relation = self.relation(&subject)?;
        if self.tests.len() >= MAX_TESTS {
            return Err(self.wrong(place.clone(), format!("more than {MAX_TESTS} tests")));
        }
        self.tests.push(Test { subject, relation });
        Ok(Expression::Test(self.tests.len().saturating_sub(1)))
    }

    fn subject(&self, word: &str, place: &Range<usize>) -> Result<Subject, Error> {
        if let Some(field) = Field::named(word) {
            return Ok(Subject::Field(field));
        }
        let parts: Vec<&str> = word.split('.').collect();
        for part in &parts {
            if !self.names.has_part(part) {
                return Err(self.wrong(place.clone(), self.unknown(part)));
            }
        }
        Ok(Subject::Path(parts.into_iter().map(Into::into).collect()))
    }

    /// What to say of a name that there is not.
    fn unknown(&self, word: &str) -> String {
        if word.is_empty() {
            return "a name is missing beside the dot".to_owned();
        }
        let mut all: Vec<String> = Field::ALL.iter().map(|field| field.name().to_owned()).collect();
        self.names.each(&mut |name| all.push(name.to_owned()));
        let meant = nearest(word, all.iter().map(String::as_str));
        let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        format!("there is no field, attribute or struct {word}{hint}")
    }

    fn relation(&mut self, subject: &Subject) -> Result<Relation, Error> {
        let place = self.pieces.get(self.at).map_or(0..0, |piece| piece.place.clone());
        for (sign, comparison) in COMPARISONS {
            if self.takes(sign) {
                let (operand, place) = self.operand(subject)?;
                let orders = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
                if orders && !matches!(operand, Operand::Number(_) | Operand::Network(..)) {
                    let message = format!("{sign} compares numbers and addresses");
                    return Err(self.wrong(place, message));
                }
                return Ok(Relation::Compare(*comparison, operand));
            }
        }
        if self.takes("=") {
            return Err(self.wrong(place, "to compare, write =="));
        }
        if self.takes("&") {
            let (operand, place) = self.operand(subject)?;
            if matches!(operand, Operand::Number(_) | Operand::Name(_)) {
                return Ok(Relation::Has(operand));
            }
            return Err(self.wrong(place, "& takes bits: a number or their name"));
        }
        for (sign, is_wanted) in [("=~", true), ("!~", false)] {
            if self.takes(sign) {
                return self.pattern(is_wanted);
            }
        }
        if self.takes_word("in") {
            return self.list(subject).map(Relation::In);
        }
        Ok(Relation::Present)
    }

    fn pattern(&mut self, is_wanted: bool) -> Result<Relation, Error> {
        let Piece { token, place } = self.next();
        let text = match token {
            Token::Text(text) => String::from_utf8(text).ok(),
            Token::Word(word) => Some(word),
            _ => None,
        };
        let Some(text) = text else {
            return Err(self.wrong(place, "expected a regular expression in quotes"));
        };
        match Regex::new(&text) {
            Ok(regex) if is_wanted => Ok(Relation::Matches(regex)),
            Ok(regex) => Ok(Relation::MatchesNot(regex)),
            Err(error) => {
                let told = error.to_string();
                let last = told.lines().last().unwrap_or("it makes no sense");
                let last = last.trim_start_matches("error: ");
                Err(self.wrong(place, format!("no regular expression: {last}")))
            }
        }
    }

    fn list(&mut self, subject: &Subject) -> Result<Vec<Operand>, Error> {
        if !self.takes("{") {
            return Ok(vec![self.range(subject)?]);
        }
        let mut all = Vec::new();
        loop {
            all.push(self.range(subject)?);
            if self.takes("}") {
                return Ok(all);
            }
            if !self.takes(",") {
                let Piece { place, .. } = self.next();
                return Err(self.wrong(place, "expected , or }"));
            }
        }
    }

    fn range(&mut self, subject: &Subject) -> Result<Operand, Error> {
        let (first, place) = self.operand(subject)?;
        if !self.takes("..") {
            return Ok(first);
        }
        let (last, end) = self.operand(subject)?;
        match (first, last) {
            (Operand::Number(first), Operand::Number(last)) => Ok(Operand::Range(first, last)),
            _ => Err(self.wrong(place.start..end.end, "a range goes from a number to a number")),
        }
    }

    /// A value, and its place.
    fn operand(&mut self, subject: &Subject) -> Result<(Operand, Range<usize>), Error> {
        let Piece { token, place } = self.next();
        let operand = match token {
            Token::Text(text) => Operand::Text(text),
            Token::Word(word) => {
                let found = Operand::of_word(&word);
                let found = found.map_err(|message| self.wrong(place.clone(), message))?;
                self.protocol(subject, found, &place)?
            }
            _ => return Err(self.wrong(place, "expected a value")),
        };
        self.check(subject, &operand, &place)?;
        Ok((operand, place))
    }

    /// Protocols are compared by number.
    fn protocol(
        &self,
        subject: &Subject,
        operand: Operand,
        place: &Range<usize>,
    ) -> Result<Operand, Error> {
        let (Subject::Field(Field::Protocol), Operand::Name(name)) = (subject, &operand) else {
            return Ok(operand);
        };
        match self.names.protocol(name) {
            Some(number) => Ok(Operand::Number(number.into())),
            None => Err(self.wrong(place.clone(), format!("there is no protocol {name}"))),
        }
    }

    /// Whether a comparison can ever hold.
    fn check(
        &self,
        subject: &Subject,
        operand: &Operand,
        place: &Range<usize>,
    ) -> Result<(), Error> {
        let Subject::Field(field) = subject else {
            return match operand {
                Operand::Name(name) => self.constant(name, place),
                _ => Ok(()),
            };
        };
        let name = field.name();
        let is_fitting = match (field.shape(), operand) {
            (Shape::Text, Operand::Text(_) | Operand::Name(_)) | (_, Operand::Number(_)) => true,
            (Shape::Number | Shape::Bits, Operand::Name(name)) => {
                // Generic families' groups, which are called FAMILY/GROUP, come at run time.
                let is_open = *field == Field::Group && name.contains('/');
                return if is_open { Ok(()) } else { self.constant(name, place) };
            }
            (Shape::Number, Operand::Text(_)) => true,
            _ => false,
        };
        if is_fitting && !(field.shape() == Shape::Text && matches!(operand, Operand::Number(_))) {
            return Ok(());
        }
        let takes = match field.shape() {
            Shape::Text => "a text",
            Shape::Number => "a number or its name",
            Shape::Bits => "bits",
            Shape::Time => "a time, as 1ms",
            Shape::Length => "a length, as 4KiB",
        };
        Err(self.wrong(place.clone(), format!("{name} takes {takes}")))
    }

    fn constant(&self, name: &str, place: &Range<usize>) -> Result<(), Error> {
        if self.names.has_constant(name) {
            return Ok(());
        }
        let mut all = Vec::new();
        self.names.each(&mut |name| all.push(name.to_owned()));
        let meant = nearest(name, all.iter().map(String::as_str));
        let hint = match meant {
            Some(meant) => format!("; did you mean {meant}?"),
            None => "; a text stands in quotes".to_owned(),
        };
        Err(self.wrong(place.clone(), format!("there is no number {name}{hint}")))
    }
}
