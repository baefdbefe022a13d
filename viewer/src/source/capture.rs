//! Writing a capture file: the frames as they came, of however many processes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nlproto::codec::{self, PART_FRONT_LEN};
use nlproto::{Name, Record};

use super::Error;

/// Frames are written out when so many bytes of them have come together.
const BATCH_LEN: usize = 64 << 10;

/// The process that [`Name`] records carry: none that was recorded, but the viewer.
pub const VIEWER: u64 = 0;

/// A capture being written.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    waiting: Vec<u8>,
    /// Names written so far.
    names: u64,
}

impl Writer {
    /// Begins a capture, readable by its owner only: it holds whatever the programs sent.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(Error::file("write the capture", path))?;
        Ok(Self { path: path.into(), file, waiting: codec::preamble().to_vec(), names: 0 })
    }

    /// Adds a whole frame.
    ///
    /// # Errors
    /// It cannot be written; what was written before stays.
    pub fn frame(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.waiting.extend_from_slice(frame);
        if self.waiting.len() < BATCH_LEN { Ok(()) } else { self.flush() }
    }

    /// Adds a name that the viewer learned outside the stream.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn name(&mut self, name: &Name<'_>) -> Result<(), Error> {
        let mut room = vec![0; PART_FRONT_LEN.saturating_add(name.name.len())];
        match codec::frame(&mut room, VIEWER, self.names, &Record::Name(*name)) {
            Ok(len) => {
                self.names = self.names.saturating_add(1);
                self.frame(room.get(..len).unwrap_or_default())
            }
            Err(e) => Err(Error::file("write a name to", &self.path)(io::Error::other(e))),
        }
    }

    /// Writes out what waits.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        let written = self.file.write_all(&self.waiting);
        self.waiting.clear();
        written.map_err(Error::file("write the capture", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::stream::{Piece, Stream};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_capture_is_private_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.nlcap");
        let mut writer = Writer::create(&path).unwrap();
        let name = Name { kind: 0, id: 7, netns: 1, name: b"v0" };
        writer.name(&name).unwrap();
        writer.flush().unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(&path).unwrap();
        let mut records = 0;
        let mut take = |piece: Piece<'_>| match piece {
            Piece::Frame(head, _, body) => {
                assert_eq!((head.process, head.number), (VIEWER, 0));
                assert_eq!(codec::decode(body), Ok(Record::Name(name)));
                records += 1;
            }
            Piece::Skipped(n) => panic!("{n} bytes skipped"),
        };
        let mut stream = Stream::new();
        stream.feed(&bytes, &mut take).unwrap();
        assert_eq!(stream.finish(&mut take), 0);
        assert_eq!(records, 1);
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut writer = Writer::create(Path::new("/dev/full")).unwrap();
        let error = writer.flush().unwrap_err().to_string();
        assert_eq!(error, "cannot write the capture /dev/full: No space left on device");
    }
}
