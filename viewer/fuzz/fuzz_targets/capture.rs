//! A capture's reader comes to an end, and what it decodes encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nlproto::{Event, FrameReader, capture, codec};

fuzz_target!(|bytes: &[u8]| {
    let (mut reader, mut rest) = (FrameReader::new(), bytes);
    while !rest.is_empty() {
        let Ok((event, used)) = reader.next(rest) else { return };
        let used = match event {
            Event::NeedMore(_) => capture::skip(rest).1,
            _ => used,
        };
        if let Event::Frame(head, body) = event
            && let Ok(record) = codec::decode(body)
        {
            let mut room = vec![0; body.len() + 64];
            let len = codec::frame(&mut room, head.process, head.number, &record);
            assert_eq!(len.map(|len| &room[len - body.len()..len]), Ok(body));
        }
        assert!(used > 0 && used <= rest.len());
        rest = &rest[used..];
    }
});
