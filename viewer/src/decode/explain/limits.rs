//! What the kernel says that an attribute has to be.

use std::fmt::{self, Display, Formatter};

use crate::spec::model::{AttrSet, Kind, Scalar, Tables, ValueNames};
use crate::wire::attr::{Attr, Attrs};
use crate::wire::{self, Step};

/// Numbers of the attributes that say so: `NL_POLICY_TYPE_ATTR_*`.
const TYPE: u16 = 1;
const MIN_VALUE_S: u16 = 2;
const MAX_VALUE_S: u16 = 3;
const MIN_VALUE_U: u16 = 4;
const MAX_VALUE_U: u16 = 5;
const MIN_LENGTH: u16 = 6;
const MAX_LENGTH: u16 = 7;
const POLICY_IDX: u16 = 8;
const POLICY_MAXTYPE: u16 = 9;
const BITFIELD32_MASK: u16 = 10;
const PAD: u16 = 11;
const MASK: u16 = 12;

/// The limits of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits<'a> {
    /// Its type: `NL_ATTR_TYPE_*`.
    pub ty: Option<u32>,
    /// The C name of that.
    pub type_name: Option<&'a str>,
    /// The smallest number.
    pub min: Option<i128>,
    /// The largest number.
    pub max: Option<i128>,
    /// The least bytes.
    pub min_len: Option<u32>,
    /// The most bytes; of text without what ends it.
    pub max_len: Option<u32>,
    /// Bits that may be set.
    pub mask: Option<u64>,
    /// Whether this is all that was said.
    pub is_all: bool,
}

impl<'a> Limits<'a> {
    /// Reads the attributes that say so.
    #[must_use]
    pub(super) fn read(tables: &'a Tables, attrs: &[u8]) -> Self {
        let mut limits = Self { is_all: true, ..Self::default() };
        for step in Attrs::new(attrs) {
            let Step::Element(attr) = step else {
                limits.is_all = false;
                continue;
            };
            limits.is_all &= limits.take(&attr).is_some();
        }
        limits.type_name = limits.ty.and_then(|ty| type_name(tables, ty));
        limits
    }

    /// Whether nothing was said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self { ty, type_name: _, min, max, min_len, max_len, mask, is_all: _ } = self;
        ty.is_none()
            && min.is_none()
            && max.is_none()
            && min_len.is_none()
            && max_len.is_none()
            && mask.is_none()
    }

    /// Takes in one of them; None if it says nothing that is known.
    fn take(&mut self, attr: &Attr<'_>) -> Option<()> {
        let bytes = attr.payload;
        let number = || match bytes.len() {
            1..=8 => Some(wire::number(bytes, cfg!(target_endian = "big"))),
            _ => None,
        };
        let short = || wire::u32_at(bytes, 0).filter(|_| bytes.len() == 4);
        match attr.number() {
            TYPE => self.ty = Some(short()?),
            MIN_VALUE_S => self.min = Some(number()?.cast_signed().into()),
            MAX_VALUE_S => self.max = Some(number()?.cast_signed().into()),
            MIN_VALUE_U => self.min = Some(number()?.into()),
            MAX_VALUE_U => self.max = Some(number()?.into()),
            MIN_LENGTH => self.min_len = Some(short()?),
            MAX_LENGTH => self.max_len = Some(short()?),
            BITFIELD32_MASK | MASK => self.mask = Some(number()?),
            // Of use to who asks for all policies only.
            POLICY_IDX | POLICY_MAXTYPE | PAD => {}
            _ => return None,
        }
        Some(())
    }

    /// The numbers that the type itself has room for.
    const fn range(&self) -> (i128, i128) {
        match self.ty {
            Some(2) => (0, u8::MAX as i128),
            Some(3) => (0, u16::MAX as i128),
            Some(4) => (0, u32::MAX as i128),
            Some(5 | 17) => (0, u64::MAX as i128),
            Some(6) => (i8::MIN as i128, i8::MAX as i128),
            Some(7) => (i16::MIN as i128, i16::MAX as i128),
            Some(8) => (i32::MIN as i128, i32::MAX as i128),
            Some(9 | 16) => (i64::MIN as i128, i64::MAX as i128),
            _ => (i128::MIN, i128::MAX),
        }
    }

    const fn word(&self) -> Option<&'static str> {
        Some(match self.ty {
            Some(1) => "a flag, without payload",
            Some(2) => "u8",
            Some(3) => "u16",
            Some(4) => "u32",
            Some(5) => "u64",
            Some(6) => "s8",
            Some(7) => "s16",
            Some(8) => "s32",
            Some(9) => "s64",
            Some(10) => "bytes",
            Some(11) => "text",
            Some(12) => "text ended by NUL",
            Some(13) => "attributes",
            Some(14) => "an array of attributes",
            Some(15) => "a bitfield32",
            Some(16) => "a signed number of 32 or 64 bits",
            Some(17) => "a number of 32 or 64 bits",
            _ => return None,
        })
    }
}

/// The C name of a type, as the spec of netlink itself has it.
fn type_name(tables: &Tables, ty: u32) -> Option<&str> {
    let within = |set: &AttrSet, number| match set.attr(number)?.kind {
        Kind::Nest(id) => tables.set(id),
        _ => None,
    };
    let said = tables.set(tables.control().error_attrs?)?;
    match &within(said, super::POLICY)?.attr(TYPE)?.kind {
        Kind::Scalar(Scalar { names: ValueNames::Enum(id), .. }) => {
            tables.enumeration(*id)?.name_of(ty.into())
        }
        _ => None,
    }
}

/// In words, as `u16, at most 4095`.
impl Display for Limits<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.word(), self.ty) {
            (Some(word), _) => f.write_str(word)?,
            (None, Some(number)) => write!(f, "of type {number}")?,
            (None, None) => f.write_str("of its type")?,
        }
        let (lowest, highest) = self.range();
        let min = self.min.filter(|min| *min > lowest);
        let max = self.max.filter(|max| *max < highest);
        between(f, (min, max), "")?;
        let (min, max) = (self.min_len.filter(|len| *len > 0), self.max_len);
        between(f, (min.map(Into::into), max.map(Into::into)), " bytes")?;
        match self.mask {
            Some(mask) => write!(f, ", bits of {mask:#x} only"),
            None => Ok(()),
        }
    }
}

fn between(f: &mut Formatter<'_>, range: (Option<i128>, Option<i128>), unit: &str) -> fmt::Result {
    match range {
        (None, None) => Ok(()),
        (Some(min), Some(max)) if min == max => write!(f, ", exactly {min}{unit}"),
        (Some(min), Some(max)) => write!(f, ", {min} to {max}{unit}"),
        (Some(min), None) => write!(f, ", at least {min}{unit}"),
        (None, Some(max)) => write!(f, ", at most {max}{unit}"),
    }
}
