//! The text that strace prints.
pub(crate) mod lexical;
pub(crate) mod text;
pub fn buffer(engine: &crate::decode::Engine<'_>, protocol: u32, direction: crate::decode::Direction, bytes: &[u8], out: &mut Vec<u8>) {
    let mut levels = Vec::new();
    if bytes.is_empty() { out.extend_from_slice(b"\"\""); return; }
    let mut t = text::Text::new(out, &mut levels, 9999, true);
    crate::decode::datagram(engine, protocol, direction, bytes, &mut t);
}
