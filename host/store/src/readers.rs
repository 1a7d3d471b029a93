//! A small pool of read-only connections.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};

use rusqlite::{Connection, Result};

use crate::connection;
use crate::error::Error;

/// Connections that read what is committed, beside the writer.
pub(crate) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    closed: bool,
}

impl Readers {
    pub(crate) fn open(path: &Path, number: usize) -> Result<Self, Error> {
        let open = |_| connection::reader(path);
        let idle = (0..number.max(1)).map(open).collect::<Result<_, _>>()?;
        let pool = Mutex::new(Pool { idle, closed: false });
        Ok(Self { path: path.to_owned(), pool, returned: Condvar::new() })
    }

    /// Reads with a connection of the pool; waits for one when all are in use. `doing` says in an
    /// error what failed.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T, Error> {
        let loan = self.borrow()?;
        let connection = loan.connection.as_ref().expect("there until it is dropped");
        read(connection).map_err(|error| self.error(doing, error))
    }

    /// Lends nothing more; connections are closed as they come back.
    pub(crate) fn close(&self) {
        let mut pool = self.lock();
        pool.closed = true;
        pool.idle.clear();
        self.returned.notify_all();
    }

    fn borrow(&self) -> Result<Loan<'_>, Error> {
        let mut pool = self.lock();
        loop {
            if pool.closed {
                return Err(Error::stopped("it was closed"));
            }
            if let Some(connection) = pool.idle.pop() {
                return Ok(Loan { readers: self, connection: Some(connection) });
            }
            pool = self.returned.wait(pool).expect(NO_PANIC);
        }
    }

    fn error(&self, doing: &'static str, error: rusqlite::Error) -> Error {
        use rusqlite::Error as Sql;
        match error {
            Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::Utf8Error(..) => Error::corrupt(
                format!("a row of `{}`, met while {doing},", self.path.display()),
                error,
            ),
            error => Error::sql(&self.path, doing, error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "no code that holds the pool panics";

/// A connection that goes back to the pool, also after a panic.
struct Loan<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        if !pool.closed {
            pool.idle.extend(self.connection.take());
        }
        self.readers.returned.notify_one();
    }
}
