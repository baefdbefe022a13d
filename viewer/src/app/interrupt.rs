//! The signal that ends the reading of a file before its end.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;

use crate::source::signals;

/// Whether we have been asked to end. Where nothing is to be said at the end, a signal just kills us.
#[derive(Debug, Default)]
pub(super) struct Interrupt(Option<UnixStream>);

impl Interrupt {
    /// From now on a first signal is kept for [`Self::came`]; a second one kills.
    pub(super) fn awaited() -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        signals::stop_on_signals(&stop)?;
        stopped.set_nonblocking(true)?;
        Ok(Self(Some(stopped)))
    }

    /// Whether it has come.
    pub(super) fn came(&self) -> bool {
        self.0.as_ref().is_some_and(|mut stopped| stopped.read(&mut [0]).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn it_comes_once_it_has_been_sent() {
        assert!(!Interrupt::default().came());
        let (mut stop, stopped) = UnixStream::pair().unwrap();
        stopped.set_nonblocking(true).unwrap();
        let interrupt = Interrupt(Some(stopped));
        assert!(!interrupt.came());
        stop.write_all(&[0]).unwrap();
        assert!(interrupt.came());
    }
}
