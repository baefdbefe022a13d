//! Where key material is: what cannot be decoded in there is not shown as bytes either.

use crate::spec::model::{Body, Element, Kind, MemberKind, Operation, Rest, Tables};

/// Marks all that holds key material, at whatever depth.
pub(super) fn mark(tables: &mut Tables) {
    // What holds something marked is marked, until nothing new is found.
    while spread(tables) {}
    let messages = tables.operations.values().flatten().chain(tables.defaults.values());
    tables.guarded = messages.flat_map(bodies).any(|body| {
        let in_shape = |kind: &Kind| tables.holds(kind);
        body.header.and_then(|id| tables.structure(id)).is_some_and(|st| st.guarded)
            || body.set.and_then(|id| tables.set(id)).is_some_and(|set| set.guarded)
            || matches!(body.rest, Rest::Shape(id) if tables.shape(id).is_some_and(|s| in_shape(&s.kind)))
    });
}

fn bodies(operation: &Operation) -> impl Iterator<Item = &Body> {
    let variants = operation.variants.iter().map(|(_, body)| body);
    operation.request.iter().chain(&operation.reply).chain(variants)
}

/// One round; whether anything was marked.
fn spread(tables: &mut Tables) -> bool {
    let structs: Vec<usize> = found(&tables.structs, |st| {
        !st.guarded && st.members.iter().any(|m| m.secret || tables.in_member(&m.kind))
    });
    let sets: Vec<usize> = found(&tables.sets, |set| {
        !set.guarded && set.attrs.iter().any(|attr| attr.secret || tables.holds(&attr.kind))
    });
    let unions: Vec<usize> = found(&tables.unions, |union| {
        let header = |id| tables.structure(id).is_some_and(|st| st.guarded);
        !union.guarded
            && union
                .formats
                .iter()
                .any(|f| f.secret || tables.holds(&f.kind) || f.header.is_some_and(header))
    });
    let any = !(structs.is_empty() && sets.is_empty() && unions.is_empty());
    for at in structs {
        tables.structs.get_mut(at).into_iter().for_each(|st| st.guarded = true);
    }
    for at in sets {
        tables.sets.get_mut(at).into_iter().for_each(|set| set.guarded = true);
    }
    for at in unions {
        tables.unions.get_mut(at).into_iter().for_each(|union| union.guarded = true);
    }
    any
}

fn found<T>(all: &[T], is: impl Fn(&T) -> bool) -> Vec<usize> {
    all.iter().enumerate().filter(|(_, one)| is(one)).map(|(at, _)| at).collect()
}

impl Tables {
    /// Whether a member of this form holds key material.
    #[must_use]
    pub(crate) fn in_member(&self, kind: &MemberKind) -> bool {
        match kind {
            MemberKind::Pad(_) | MemberKind::Scalar(_) | MemberKind::Bits(..) => false,
            MemberKind::Shape(_, kind) => self.holds(kind),
            MemberKind::Array(_, _, element, _) => self.in_element(element),
            MemberKind::Table(table) => table.columns.iter().any(|c| self.holds(&c.cell)),
        }
    }

    fn in_element(&self, element: &Element) -> bool {
        match element {
            Element::Scalar(_) => false,
            Element::Struct(id) => self.structure(*id).is_some_and(|st| st.guarded),
            Element::Kind(kind) => self.holds(kind),
        }
    }

    /// Whether a payload of this form holds key material.
    #[must_use]
    pub(crate) fn holds(&self, kind: &Kind) -> bool {
        let in_set = |id| self.set(id).is_some_and(|set| set.guarded);
        match kind {
            Kind::Struct(id, then) => {
                self.structure(*id).is_some_and(|st| st.guarded) || then.is_some_and(in_set)
            }
            Kind::Array(element, ..) => self.in_element(element),
            Kind::Nest(set) | Kind::TypeValue(_, set) => in_set(*set),
            Kind::Indexed(kind, ..) | Kind::Room(_, kind) => self.holds(kind),
            Kind::Union(id) => self.union(*id).is_some_and(|union| union.guarded),
            Kind::Records { record, body, .. } => {
                self.structure(*record).is_some_and(|st| st.guarded)
                    || body.as_ref().is_some_and(|body| self.holds(body))
            }
            Kind::Differs(kinds) => self.holds(&kinds.0) || self.holds(&kinds.1),
            _ => false,
        }
    }
}
