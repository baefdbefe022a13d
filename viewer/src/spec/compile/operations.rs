//! Messages: numbers, names, and what follows the header.

use std::rc::Rc;

use super::{Compiler, Place, index_of, label};
use crate::spec::model::{Body, Class, Condition, Family, Operation, Rest, Shape, ShapeId};
use crate::spec::schema::{self, BodyNumber, Exchange, File, Match, OneOrMany, Payload, Side};
use crate::spec::{Error, names};

/// An operation's numbers on the way there and back.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    request: Option<u32>,
    reply: Option<u32>,
}

impl Compiler<'_> {
    /// Adds a file's messages and groups.
    pub(super) fn file(&mut self, file: &Rc<File>) -> Result<(), Error> {
        let place = Place::of("");
        let family = self.tables.families.len();
        let errors = match &file.operations.errors {
            Some(reference) => Some(self.enum_ref(file, &place, reference)?),
            None => None,
        };
        self.tables.families.push(Family { name: file.name.as_str().into(), errors });
        self.tables.unframed |= file.framing.as_deref() == Some("none");
        self.tables.no_control |= file.control_messages == Some(false);
        self.tables.short_lengths |= file.length_without_header == Some(true);
        self.tables.request_flag |= file.request_flag.unwrap_or_else(|| file.is_generic());
        let operations = &file.operations;
        let high = file.r#match.as_ref().and_then(|m| m.type_high);
        let Ok(high) = high.map(u8::try_from).transpose() else {
            return Err(Self::wrong(file, &Place::of("match"), "type-high is no byte"));
        };
        // Of several files that say the same of a protocol the first one counts.
        if let Some(reference) = &file.type_split {
            let split = self.enum_ref(file, &place, reference)?;
            self.tables.type_split.get_or_insert(split);
        }
        if let Some(word) = label(operations.unknown_label.as_deref()) {
            match high {
                Some(high) => drop(self.tables.unknown_low.entry(high).or_insert(word)),
                None => drop(self.tables.unknown_message.get_or_insert(word)),
            }
        }
        let numbers = count(operations);
        let raw_rest = match &file.payload {
            None => Rest::Attrs,
            Some(payload) => self.rest(file, &Place::of("payload"), payload, None)?,
        };
        // Where all messages share one range of numbers, an answer has the name of the operation whose
        // request has its number, so those come first.
        let is_raw = file.protonum.is_some();
        let answers = |n: &Numbers| is_raw && n.reply.is_some() && n.reply != n.request;
        for pass in [false, true] {
            for (at, (written, numbers)) in operations.list.iter().zip(&numbers).enumerate() {
                if answers(numbers) == pass {
                    let here = Place::new("operations.list", at, &written.name);
                    self.operation(file, &here, family, high, written, *numbers, raw_rest)?;
                }
            }
        }
        if let Some(written) = &operations.default {
            let here = Place::of("operations.default");
            let body = self.body(file, &here, written, None, raw_rest)?;
            let mut default =
                Self::named(family, "", class(operations, written), Some(body), Some(body));
            default.variants = self.variants(file, &here, written)?;
            self.tables.defaults.entry(high).or_insert(default);
        }
        for group in &file.mcast_groups.list {
            let c_name = group
                .c_name
                .clone()
                .or_else(|| group.c_define_name.as_deref().map(names::c_upper))
                .unwrap_or_else(|| names::c_upper(&group.name));
            self.tables.groups.push((c_name.into(), group.value));
        }
        Ok(())
    }

    fn named(
        family: usize,
        c_name: &str,
        class: Class,
        request: Option<Body>,
        reply: Option<Body>,
    ) -> Operation {
        Operation {
            c_name: c_name.into(),
            strace_name: None,
            family,
            class,
            strace_class: class,
            header_flags: None,
            strict: [false; 2],
            unasked: false,
            reply_when: None,
            request,
            reply,
            variants: Vec::new(),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call site; all of it is context")]
    fn operation(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        family: usize,
        high: Option<u8>,
        written: &schema::Operation,
        numbers: Numbers,
        raw_rest: Rest,
    ) -> Result<(), Error> {
        let c_name = names::operation(file, &file.operations, written);
        let class = class(&file.operations, written);
        let variants = self.variants(file, place, written)?;
        let strace_class =
            written.strace.as_ref().and_then(|s| s.class.as_deref()).map_or(class, named_class);
        let shift = u32::from(self.tables.type_shift);
        let full = |number: u32| -> Result<u16, Error> {
            let high = u32::from(high.unwrap_or(0)) << shift;
            let low = Some(number).filter(|n| high == 0 || n >> shift == 0);
            low.and_then(|low| u16::try_from(low | high).ok())
                .ok_or_else(|| Self::wrong(file, place, format!("{number} is no message number")))
        };
        let side = |pick: fn(&Exchange) -> Option<&Side>| {
            [&written.r#do, &written.dump].into_iter().flatten().find_map(pick)
        };
        let mut reply_when = match side(|e| e.reply.as_ref()).and_then(|s| s.r#match.as_ref()) {
            Some(written) => Some(self.condition(file, place, written)?),
            None => None,
        };
        let header_flags = match &written.header_flags {
            Some(reference) => Some(self.enum_ref(file, place, reference)?),
            None => None,
        };
        let asynchronous = written.notify.is_some() || written.event.is_some();
        let said = written.r#do.is_some() || written.dump.is_some();
        // Generic families may count requests and answers apart, and then name them apart.
        let directional = file.operations.enum_model.as_deref() == Some("directional");
        let apart = said && directional && file.is_generic();
        if let Some(number) = numbers.request {
            let number = full(number)?;
            let body = self.body(file, place, written, side(|e| e.request.as_ref()), raw_rest)?;
            let same = !apart && numbers.reply == numbers.request || !said;
            let reply = match side(|e| e.reply.as_ref()) {
                Some(reply) if same => {
                    Some(self.body(file, place, written, Some(reply), raw_rest)?)
                }
                _ => same.then_some(body),
            };
            let at = self.tables.operations.entry(number).or_default();
            match at.iter_mut().find(|op| *op.c_name == *c_name) {
                Some(op) => op.request = op.request.or(Some(body)),
                None => {
                    let mut op = Self::named(family, &c_name, class, Some(body), reply);
                    op.variants = variants;
                    op.strace_class = strace_class;
                    op.header_flags = header_flags;
                    op.strict = strict(file, written);
                    let strace =
                        written.strace.as_ref().and_then(|strace| strace.c_name.as_deref());
                    op.strace_name = strace.map(Into::into);
                    op.reply_when = reply_when.take();
                    at.push(op);
                }
            }
        }
        let Some(number) = numbers.reply else { return Ok(()) };
        if numbers.reply == numbers.request && !apart {
            return Ok(());
        }
        let number = full(number)?;
        let reply_side = side(|e| e.reply.as_ref());
        let body = self.body(file, place, written, reply_side, raw_rest)?;
        let own_name = reply_side
            .and_then(|s| s.c_name.clone())
            .or_else(|| apart.then(|| format!("{c_name}_REPLY")));
        let at = self.tables.operations.entry(number).or_default();
        let target = match &own_name {
            Some(name) => at.iter_mut().find(|op| *op.c_name == **name),
            None if asynchronous && directional && file.is_generic() => None,
            None => at.iter_mut().find(|op| op.reply.is_none() || !asynchronous),
        };
        match target {
            Some(op) => {
                op.reply = op.reply.or(Some(body));
                op.reply_when = op.reply_when.take().or(reply_when);
            }
            None => {
                let name = own_name.as_deref().unwrap_or(&c_name);
                let mut op = Self::named(family, name, class, None, Some(body));
                op.unasked = asynchronous;
                op.reply_when = reply_when;
                at.push(op);
            }
        }
        Ok(())
    }

    fn body(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        written: &schema::Operation,
        side: Option<&Side>,
        default_rest: Rest,
    ) -> Result<Body, Error> {
        let operations = &file.operations;
        let header = side
            .and_then(|s| s.fixed_header.as_ref())
            .or(written.fixed_header.as_ref())
            .or(operations.fixed_header.as_ref());
        let noted = written.notify.as_ref().and_then(|name| {
            operations.list.iter().find(|op| op.name == *name)?.attribute_set.as_ref()
        });
        let set = side
            .and_then(|s| s.attribute_set.as_ref())
            .or(written.attribute_set.as_ref())
            .or(noted)
            .or(operations.attribute_set.as_ref());
        Ok(Body {
            header: match header {
                Some(reference) => Some(self.struct_ref(file, place, reference)?),
                None => None,
            },
            set: match set {
                Some(reference) => Some(self.set_ref(file, place, reference)?),
                None => None,
            },
            strace_set: match written.strace.as_ref().and_then(|s| s.attribute_set.as_ref()) {
                Some(reference) => Some(self.set_ref(file, place, reference)?),
                None => None,
            },
            strace_unnamed: operations
                .strace
                .as_ref()
                .is_some_and(|s| s.attributes.as_deref() == Some("unnamed")),
            strace_short: {
                let written = written.strace.as_ref().and_then(|s| s.short.as_ref());
                self.short(file, place, written)?
            },
            rest: match side.and_then(|s| s.payload.as_ref()).or(written.payload.as_ref()) {
                None => default_rest,
                Some(payload) => self.rest(file, place, payload, written.payload_len.as_deref())?,
            },
        })
    }

    /// What follows the fixed header, which may say how long it is.
    fn rest(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        payload: &Payload,
        len: Option<&str>,
    ) -> Result<Rest, Error> {
        let kind = match payload {
            Payload::Word(word) if len.is_none() => match word.as_str() {
                "raw" => return Ok(Rest::Raw),
                "text" => return Ok(Rest::Text),
                "none" => return Ok(Rest::Nothing),
                _ => return Ok(Rest::Attrs),
            },
            Payload::Word(word) => {
                let reason = format!("a payload {word:?} takes no payload-len: say its form");
                return Err(Self::wrong(file, place, reason));
            }
            Payload::Form(item) => self.shape(file, place, item)?,
        };
        let id = ShapeId(index_of(self.tables.shapes.len()));
        self.tables.shapes.push(Shape { kind, len: len.map(Into::into) });
        Ok(Rest::Shape(id))
    }

    fn variants(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        written: &schema::Operation,
    ) -> Result<Vec<(Condition, Body)>, Error> {
        let mut variants = Vec::new();
        for (at, variant) in written.variants.iter().enumerate() {
            let here = place.within("variants", at, "");
            let mut condition = self.condition(file, &here, &variant.r#match)?;
            condition.not_strace = variant.strace == Some(false);
            let stand_in = schema::Operation {
                fixed_header: variant.fixed_header.clone(),
                attribute_set: variant.attribute_set.clone(),
                payload: variant.payload.clone().or_else(|| written.payload.clone()),
                payload_len: variant.payload_len.clone().or_else(|| written.payload_len.clone()),
                ..schema::Operation::default()
            };
            variants.push((condition, self.body(file, &here, &stand_in, None, Rest::Attrs)?));
        }
        Ok(variants)
    }

    fn condition(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        written: &Match,
    ) -> Result<Condition, Error> {
        let byte = self.body_number(file, place, written.body_u8.as_ref())?;
        let word = self.body_number(file, place, written.body_u16.as_ref())?;
        Ok(Condition {
            byte,
            word,
            prefix: written.prefix.as_ref().map(|p| p.as_bytes().into()),
            min_len: written.min_len,
            max_len: written.max_len,
            request: written.request,
            dump: written.dump,
            not_strace: false,
            first_attr: written.first_attr.as_ref().map(|n| n.iter().copied().collect()),
        })
    }

    /// Numbers that may stand at an offset, by name or as they are.
    fn body_number<T: TryFrom<i64>>(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        body: Option<&BodyNumber>,
    ) -> Result<Option<(usize, Vec<T>)>, Error> {
        let Some(body) = body else { return Ok(None) };
        let names = match &body.r#enum {
            Some(reference) => Some(self.enum_ref(file, place, reference)?),
            None => None,
        };
        let mut values = Vec::new();
        for word in body.value.iter().flat_map(OneOrMany::iter) {
            let number = word.number().or_else(|| {
                let names = self.tables.enumeration(names?)?;
                names.number_of(&word.text()).map(u64::cast_signed)
            });
            let value = number.and_then(|n| T::try_from(n).ok()).ok_or_else(|| {
                Self::wrong(file, place, format!("{:?} is no number there", word.text()))
            })?;
            values.push(value);
        }
        Ok(Some((body.offset, values)))
    }
}

fn named_class(word: &str) -> Class {
    match word {
        "new" => Class::New,
        "del" => Class::Del,
        "get" => Class::Get,
        "by-type" => Class::ByType,
        _ => Class::None,
    }
}

fn class(operations: &schema::Operations, written: &schema::Operation) -> Class {
    let said = written.class.as_deref().or(operations.class.as_deref());
    match said {
        Some(word) => named_class(word),
        None => {
            let name = written.name.as_str();
            let begins = |words: &[&str]| words.iter().any(|w| name.starts_with(w));
            if begins(&["new", "add", "create"]) {
                Class::New
            } else if begins(&["del", "destroy", "remove"]) {
                Class::Del
            } else if begins(&["get", "list", "dump"]) {
                Class::Get
            } else {
                Class::None
            }
        }
    }
}

/// The number of the request, or else of the notification, of this name.
pub(super) fn command(operations: &schema::Operations, name: &str) -> Option<i64> {
    let at = operations.list.iter().position(|op| op.name == name)?;
    let numbers = *count(operations).get(at)?;
    numbers.request.or(numbers.reply).map(i64::from)
}

/// Numbers the operations as YNL does: one count for all, or one for each direction.
fn count(operations: &schema::Operations) -> Vec<Numbers> {
    let directional = operations.enum_model.as_deref() == Some("directional");
    let (mut unified, mut request, mut reply) = (1u32, 1u32, 1u32);
    let mut all = Vec::new();
    for op in &operations.list {
        let asynchronous = op.notify.is_some() || op.event.is_some();
        let exchange = op.r#do.as_ref().or(op.dump.as_ref());
        let asked = exchange.and_then(|e| e.request.as_ref()).and_then(|s| s.value);
        let answered = exchange.and_then(|e| e.reply.as_ref()).and_then(|s| s.value);
        let numbers = if !directional {
            unified = op.value.or(asked.filter(|n| *n != 0)).unwrap_or(unified);
            let number = Some(unified);
            unified = unified.saturating_add(1);
            Numbers { request: if asynchronous { None } else { number }, reply: number }
        } else if asynchronous {
            reply = op.value.unwrap_or(reply);
            let number = Some(reply);
            reply = reply.saturating_add(1);
            Numbers { request: None, reply: number }
        } else {
            request = op.value.or(asked.filter(|n| *n != 0)).unwrap_or(request);
            reply = answered.filter(|n| *n != 0).unwrap_or(reply);
            let has_reply = exchange.is_some_and(|e| e.reply.is_some());
            let numbers = Numbers { request: Some(request), reply: has_reply.then_some(reply) };
            request = request.saturating_add(1);
            reply = reply.saturating_add(u32::from(has_reply));
            numbers
        };
        all.push(numbers);
    }
    all
}

/// Whether the kernel holds a request to all its rules: one that does something, one that dumps. Newer
/// generic families do so unless they say otherwise, all others only if their spec says so.
fn strict(file: &File, written: &schema::Operation) -> [bool; 2] {
    let said = written.dont_validate.as_ref().or(file.operations.dont_validate.as_ref());
    let Some(said) = said else {
        let newer = file.is_generic() && file.protocol.as_deref().is_none_or(|p| p == "genetlink");
        return [newer; 2];
    };
    let not = |words: &[&str]| !said.iter().any(|word| words.contains(&word.as_str()));
    [not(&["strict"]), not(&["strict", "dump", "dump-strict"])]
}
