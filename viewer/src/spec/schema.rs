//! A spec as it is written: the file's shape, nothing resolved.
//!
//! Field by field this is `viewer/specs/README.md`, which says what each means.

mod either;

use std::collections::BTreeMap;

use serde::Deserialize;

/// A number or a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool(bool),
    Number(i64),
    Large(u64),
    Text(String),
}

impl Scalar {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bool(b) => b.to_string(),
            Self::Number(n) => n.to_string(),
            Self::Large(n) => n.to_string(),
            Self::Text(t) => t.clone(),
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Bool(_) | Self::Text(_) => None,
            Self::Number(n) => Some(*n),
            Self::Large(n) => Some(n.cast_signed()),
        }
    }
}

/// One thing or a list of them.
#[derive(Debug, Clone)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::Many(many) => many.iter(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) protocol: Option<String>,
    pub(super) protonum: Option<u32>,
    pub(super) family_id: Option<u16>,
    pub(super) uapi_header: Option<Scalar>,
    pub(super) headers: Vec<String>,
    pub(super) kernel_sources: Vec<String>,
    pub(super) import: Vec<String>,
    pub(super) r#match: Option<Match>,
    pub(super) type_split: Option<String>,
    pub(super) type_shift: Option<u8>,
    pub(super) control_messages: Option<bool>,
    pub(super) length_without_header: Option<bool>,
    pub(super) request_flag: Option<bool>,
    pub(super) framing: Option<String>,
    pub(super) payload: Option<Payload>,
    pub(super) definitions: Vec<Definition>,
    pub(super) attribute_sets: Vec<AttributeSet>,
    pub(super) sub_messages: Vec<SubMessage>,
    pub(super) operations: Operations,
    pub(super) mcast_groups: McastGroups,
}

impl File {
    /// Whether it is a generic netlink family.
    pub(super) fn is_generic(&self) -> bool {
        self.protocol.as_deref().is_none_or(|p| p.starts_with("genetlink"))
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) r#type: String,
    pub(super) value: Option<Scalar>,
    pub(super) c_name: Option<String>,
    pub(super) name_prefix: Option<String>,
    pub(super) value_start: Option<i64>,
    pub(super) unknown_label: Option<String>,
    pub(super) verbatim: Option<bool>,
    pub(super) partial: Option<bool>,
    pub(super) entries: Vec<EntryOrName>,
    pub(super) members: Vec<Item>,
    pub(super) align: Option<String>,
    pub(super) member_prefix: Option<String>,
    pub(super) min_size: Option<u32>,
    pub(super) tail: Option<String>,
    pub(super) strace: Option<StraceStruct>,
}

/// What others can refer to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Definition,
    AttributeSet,
    SubMessage,
}

impl File {
    /// Where it has such a part of this name.
    pub(super) fn find(&self, part: Part, name: &str) -> Option<usize> {
        match part {
            Part::Definition => self.definitions.iter().position(|d| d.name == name),
            Part::AttributeSet => self.attribute_sets.iter().position(|s| s.name == name),
            Part::SubMessage => self.sub_messages.iter().position(|s| s.name == name),
        }
    }
}

/// How strace shows a struct where that differs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct StraceStruct {
    pub(super) order: Vec<String>,
    pub(super) short: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum EntryOrName {
    Name(Scalar),
    Entry(Entry),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Entry {
    pub(super) name: Option<Scalar>,
    pub(super) value: Option<Scalar>,
    pub(super) c_name: Option<String>,
    pub(super) mask: Option<u64>,
    pub(super) under: Option<u64>,
    pub(super) alias_of: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct AttributeSet {
    pub(super) name: String,
    pub(super) name_prefix: Option<String>,
    pub(super) subset_of: Option<String>,
    pub(super) unknown_label: Option<String>,
    pub(super) element_header: Option<ElementHeader>,
    pub(super) type_flags: Option<String>,
    pub(super) attributes: Vec<Item>,
}

/// How the elements of a set begin that are no attributes of netlink's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct ElementHeader {
    pub(super) r#type: Option<String>,
    pub(super) length: Option<String>,
    pub(super) first: Option<String>,
    pub(super) counts: Option<String>,
    pub(super) byte_order: Option<String>,
    pub(super) align: Option<u8>,
}

/// An attribute, a struct's member, or a sub-message's format: they share their vocabulary.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Item {
    pub(super) name: Option<Scalar>,
    pub(super) r#type: Option<String>,
    pub(super) value: Option<OneOrMany<Scalar>>,
    pub(super) c_name: Option<String>,
    pub(super) name_prefix: Option<String>,
    pub(super) r#enum: Option<String>,
    pub(super) enum_as_flags: Option<bool>,
    pub(super) byte_order: Option<String>,
    pub(super) display_hint: Option<String>,
    pub(super) unknown_label: Option<String>,
    pub(super) r#struct: Option<String>,
    pub(super) sub_type: Option<String>,
    pub(super) nested_attributes: Option<String>,
    pub(super) multi_attr: Option<bool>,
    pub(super) sub_message: Option<String>,
    pub(super) selector: Option<OneOrMany<String>>,
    pub(super) selector_enum: Option<String>,
    pub(super) type_value: Option<Vec<String>>,
    pub(super) array: Option<bool>,
    pub(super) length_member: Option<String>,
    pub(super) length_of: Option<String>,
    pub(super) body: Option<Box<Self>>,
    pub(super) align: Option<Scalar>,
    pub(super) attribute_set: Option<String>,
    pub(super) fixed_header: Option<String>,
    pub(super) index_enum: Option<String>,
    pub(super) index_offset: Option<i64>,
    pub(super) width: Option<Scalar>,
    pub(super) max_len: Option<Scalar>,
    pub(super) number_first: Option<bool>,
    pub(super) min_len: Option<u32>,
    pub(super) operations_of: Option<String>,
    pub(super) side: Option<String>,
    pub(super) secret: Option<bool>,
    pub(super) strace: Option<StraceForm>,
    pub(super) checks: Option<Box<Checks>>,
    pub(super) dont_validate: Option<Vec<String>>,
    pub(super) len: Option<Scalar>,
    pub(super) len_in: Option<String>,
    pub(super) zero_fill: Option<bool>,
    pub(super) rows: Option<String>,
    pub(super) column: Option<u32>,
    pub(super) cut_from: Option<String>,
    pub(super) keys: Option<String>,
    pub(super) names: Option<Vec<String>>,
    pub(super) base: Option<u32>,
    pub(super) element: Option<Box<Self>>,
    pub(super) count: Option<Scalar>,
    pub(super) element_header: Option<ElementHeader>,
    pub(super) used: Option<String>,
    pub(super) part_bits: Option<u8>,
    pub(super) nonzero: Option<bool>,
    pub(super) with: Option<BTreeMap<String, String>>,
    pub(super) formats: Vec<Self>,
    pub(super) bits: Vec<Bits>,
    pub(super) range: Option<[i64; 2]>,
    pub(super) default: Option<bool>,
}

/// What the kernel checks an attribute by.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Checks {
    pub(super) min: Option<Scalar>,
    pub(super) max: Option<Scalar>,
    pub(super) min_len: Option<Scalar>,
    pub(super) max_len: Option<Scalar>,
    pub(super) exact_len: Option<Scalar>,
    pub(super) flags_mask: Option<Scalar>,
    pub(super) unterminated_ok: Option<bool>,
    pub(super) sparse: Option<bool>,
}

/// What follows a fixed header: a word, or any form that an attribute can have.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Payload {
    Word(String),
    Form(Box<Item>),
}

/// What strace makes of a number instead: `plain`, or another form.
#[derive(Debug, Clone)]
pub(super) enum StraceForm {
    Word(String),
    Form(Box<Item>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Bits {
    pub(super) name: String,
    pub(super) c_name: Option<String>,
    pub(super) width: u8,
    pub(super) byte_order: Option<String>,
    pub(super) r#enum: Option<String>,
    pub(super) display_hint: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct SubMessage {
    pub(super) name: String,
    pub(super) selector_enum: Option<String>,
    pub(super) formats: Vec<Item>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Operations {
    pub(super) enum_model: Option<String>,
    pub(super) name_prefix: Option<String>,
    pub(super) async_prefix: Option<String>,
    pub(super) fixed_header: Option<String>,
    pub(super) attribute_set: Option<String>,
    pub(super) unknown_label: Option<String>,
    pub(super) class: Option<String>,
    pub(super) errors: Option<String>,
    pub(super) dont_validate: Option<Vec<String>>,
    pub(super) strace: Option<StraceBody>,
    pub(super) list: Vec<Operation>,
    pub(super) default: Option<Operation>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) c_name: Option<String>,
    pub(super) value: Option<u32>,
    pub(super) class: Option<String>,
    pub(super) attribute_set: Option<String>,
    pub(super) fixed_header: Option<String>,
    pub(super) payload: Option<Payload>,
    pub(super) payload_len: Option<String>,
    pub(super) header_flags: Option<String>,
    pub(super) dont_validate: Option<Vec<String>>,
    pub(super) r#do: Option<Exchange>,
    pub(super) dump: Option<Exchange>,
    pub(super) notify: Option<String>,
    pub(super) event: Option<serde_json::Value>,
    pub(super) strace: Option<StraceBody>,
    pub(super) variants: Vec<Variant>,
}

/// What strace calls a message, and takes its attributes, flags and a cut header for, instead, or that it
/// names no attributes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct StraceBody {
    pub(super) attribute_set: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) class: Option<String>,
    pub(super) c_name: Option<String>,
    pub(super) short: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Exchange {
    pub(super) request: Option<Side>,
    pub(super) reply: Option<Side>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Side {
    pub(super) value: Option<u32>,
    pub(super) r#match: Option<Match>,
    pub(super) c_name: Option<String>,
    pub(super) attribute_set: Option<String>,
    pub(super) fixed_header: Option<String>,
    pub(super) payload: Option<Payload>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Variant {
    pub(super) r#match: Match,
    pub(super) fixed_header: Option<String>,
    pub(super) attribute_set: Option<String>,
    pub(super) payload: Option<Payload>,
    pub(super) payload_len: Option<String>,
    pub(super) strace: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Match {
    pub(super) r#type: Option<OneOrMany<u32>>,
    pub(super) type_range: Option<[u32; 2]>,
    pub(super) type_high: Option<u32>,
    pub(super) body_u8: Option<BodyNumber>,
    pub(super) body_u16: Option<BodyNumber>,
    pub(super) prefix: Option<String>,
    pub(super) min_len: Option<usize>,
    pub(super) max_len: Option<usize>,
    pub(super) request: Option<bool>,
    pub(super) dump: Option<bool>,
    pub(super) first_attr: Option<OneOrMany<u16>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct BodyNumber {
    pub(super) offset: usize,
    pub(super) value: Option<OneOrMany<Scalar>>,
    pub(super) r#enum: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct McastGroups {
    pub(super) list: Vec<McastGroup>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct McastGroup {
    pub(super) name: String,
    pub(super) value: Option<u32>,
    pub(super) c_name: Option<String>,
    pub(super) c_define_name: Option<String>,
}
