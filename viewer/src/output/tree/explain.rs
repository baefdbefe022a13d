//! Why a request failed, in rows below the line that says that it did.
//!
//! ```text
//! ip[4242] 3 ROUTE ◀ ERANGE  "Numerical result out of range"  to RTM_NEWLINK …
//!       at IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VLAN_ID = 5000
//!       must be u16, at most 4095
//! ```

use super::block::{Block, Frame};
use super::head::{self, Explained};
use super::value;
use crate::decode::{Crumb, Culprit, Explanation};
use crate::output::paint::Role;
use crate::output::text;
use crate::wire::message::DONE;

impl Block<'_> {
    pub(super) fn explain(&mut self, explanation: &Explanation<'_>) {
        let is_whole = explanation.limits.is_none_or(|limits| limits.is_all);
        let Some(message) = &mut self.message else { return };
        message.explained = if is_whole { Explained::All } else { Explained::Most };
        let is_named = !self.scratch.answered.is_empty();
        if message.ty == DONE && explanation.errno != 0 && !is_named {
            // An error echoes what it answers.
            let (look, answered) = (self.look, &mut self.scratch.answered);
            explanation.head(|head| head::kind(answered, look, &head.ty, head.operation));
        }
        self.is_unexplained |= explanation.errno != 0 && !explanation.has_reason();
        let role = if explanation.errno == 0 { Role::Warning } else { Role::Error };
        if let Some(offset) = explanation.offset {
            self.culprit(explanation, offset, role);
        } else if explanation.errno != 0 && !(self.around.echoes && explanation.is_echoed) {
            self.about(explanation);
        }
        if let Some(limits) = explanation.limits.filter(|limits| !limits.is_empty()) {
            self.said(role, b"must be ").extend_from_slice(limits.to_string().as_bytes());
        }
        if let Some(missing) = &explanation.missing {
            let look = self.look;
            let out = self.said(role, b"missing ");
            match &missing.name {
                Some(name) => look.paint.put(out, Role::Name, name.as_bytes()),
                None => {
                    out.extend_from_slice(b"attribute ");
                    text::decimal(out, missing.number);
                }
            }
            if !missing.nest.is_empty() {
                look.paint.put(out, Role::Dim, b" in ");
                look.paint.with(out, Role::Name, |out| path(out, &missing.nest));
            }
        }
        if let Some(cookie) = explanation.cookie {
            text::hex_bytes(self.said(Role::Dim, b"cookie "), cookie);
        }
    }

    /// Begins a row that says something of the request.
    fn said(&mut self, role: Role, words: &[u8]) -> &mut Vec<u8> {
        let look = self.look;
        let out = self.loose_row();
        look.paint.put(out, role, words);
        out
    }

    fn culprit(&mut self, explanation: &Explanation<'_>, offset: usize, role: Role) {
        let look = self.look;
        let out = self.said(role, b"at ");
        let Some(Culprit { path: crumbs, beyond }) = &explanation.culprit else {
            out.extend_from_slice(b"offset ");
            text::decimal(out, offset);
            return out.extend_from_slice(b" of the request");
        };
        look.paint.with(out, Role::Name, |out| path(out, crumbs));
        if *beyond > 0 {
            look.paint.with(out, Role::Dim, |out| {
                out.extend_from_slice(b" + ");
                text::decimal(out, *beyond);
                out.extend_from_slice(b" B");
            });
        }
        let row = self.scratch.rows.count().saturating_sub(1);
        self.scratch.rows.join(b" = ");
        self.push(Frame::Attr { row });
        explanation.show_value(self);
        self.pop();
    }

    /// What the request was about, where nothing in it is to blame.
    fn about(&mut self, explanation: &Explanation<'_>) {
        let look = self.look;
        let mut is_first = true;
        // Calls have no numbers to be seen.
        if let Some((record, _)) = explanation.record.filter(|_| self.around.echoes) {
            is_first = false;
            let out = self.said(Role::Dim, b"about #");
            text::decimal(out, record);
        }
        explanation.identify(|name, value| {
            if std::mem::take(&mut is_first) {
                self.said(Role::Dim, b"about ");
                self.scratch.rows.glue();
            }
            look.paint.put(self.scratch.rows.item(), Role::Name, name.as_bytes());
            self.scratch.rows.join(b" ");
            self.scratch.rows.item();
            value::put(&mut self.scratch.rows, look, value);
        });
    }
}

/// Appends a path as `IFLA_LINKINFO.IFLA_INFO_KIND`, `RTA_MULTIPATH[1].RTA_GATEWAY`.
fn path(out: &mut Vec<u8>, crumbs: &[Crumb]) {
    for (n, crumb) in crumbs.iter().enumerate() {
        if n > 0 && !matches!(crumb, Crumb::Index(_)) {
            out.push(b'.');
        }
        match crumb {
            Crumb::Name(name) => out.extend_from_slice(name.as_bytes()),
            Crumb::Unknown(number, label) => {
                out.extend_from_slice(label.as_deref().unwrap_or("attribute").as_bytes());
                out.push(b' ');
                text::decimal(out, *number);
            }
            Crumb::Index(index) => {
                out.push(b'[');
                text::decimal(out, *index);
                out.push(b']');
            }
        }
    }
}
