//! What a guest prints becomes lines of the attempt's log.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::notes::Notes;

/// The longest line that is kept together, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// What a guest may print at once, in bytes.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// Standard output or standard error of a guest. Clones are the same output.
#[derive(Clone)]
pub(super) struct Printed {
    level: &'static str,
    notes: Notes,
    line: Arc<Mutex<Vec<u8>>>,
}

impl Printed {
    pub(super) fn new(level: &'static str, notes: Notes) -> Self {
        Self { level, notes, line: Arc::default() }
    }

    fn print(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte == b'\n' || line.len() >= LINE_BYTES_MAX {
                self.hand_over(&mut line);
            }
            if byte != b'\n' {
                line.push(byte);
            }
        }
    }

    /// Hands over a line that has no end yet: the last one often has none.
    pub(super) fn end_line(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        self.hand_over(&mut line);
    }

    fn hand_over(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        line.clear();
        if !text.is_empty() {
            self.notes.line(self.level, text);
        }
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_comes_as_lines() {
        let notes = Notes::default();
        let mut printed = Printed::new("info", notes.clone());
        for piece in ["one\ntw", "o\r\n\n", "three"] {
            printed.write(Bytes::from_static(piece.as_bytes())).expect("open");
        }
        printed.end_line();
        let lines = notes.take_lines();
        assert_eq!(lines, ["one", "two", "three"].map(|line| ("info", line.to_owned())));
    }
}
