//! A file system between SQLite and the disk that fails, or waits, when it is told to.
//!
//! SQLite reaches files through a table of functions (its VFS). This one hands everything on to the system's, counts
//! what is written to the database and its log, and from a chosen operation on answers as a full or a broken disk
//! does. It is that of every store in the process that installs it, so it is used in a process of its own.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};

use rusqlite::ffi::{
    self, SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_OK, SQLITE_OPEN_MAIN_DB,
    SQLITE_OPEN_WAL, sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_io_methods,
    sqlite3_vfs,
};

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `ENOSPC`: a write finds no room.
    Full,
    /// `EIO`: a write fails.
    Write,
    /// `EIO`: a sync fails; whether what was written before is on the disk nobody knows.
    Sync,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Write, Self::Sync];

    const fn code(self) -> c_int {
        match self {
            Self::Full => SQLITE_FULL,
            Self::Write => SQLITE_IOERR_WRITE,
            Self::Sync => SQLITE_IOERR_FSYNC,
        }
    }
}

/// Operations until the fault; below zero none is coming.
static UNTIL: AtomicI64 = AtomicI64::new(-1);

/// The code that is answered.
static CODE: AtomicI64 = AtomicI64::new(0);

/// How many syncs wait for [`let_go`]; `None` while none has to.
static HELD: Mutex<Option<u64>> = Mutex::new(None);

/// Told of every change of [`HELD`].
static HELD_CHANGED: Condvar = Condvar::new();

/// Writes and syncs so far.
static OPERATIONS: AtomicU64 = AtomicU64::new(0);

/// The VFS that a store asks for.
const NAME: &CStr = c"unix-excl";

/// The system's VFS of that name, which does the work.
static SYSTEM: OnceLock<usize> = OnceLock::new();

/// The functions of the system's files, as they were before ours took their place.
static FILES: OnceLock<usize> = OnceLock::new();

/// Makes this the file system of every database that the process opens from now on.
pub(crate) fn install() {
    // SAFETY: the VFS that is registered is a copy of the system's, which lives as long as the process; only the
    // function that opens is replaced, by one of the same signature.
    unsafe {
        let system = ffi::sqlite3_vfs_find(NAME.as_ptr());
        SYSTEM.set(system as usize).expect("installed once");
        let mut ours = *system;
        // One that is registered later is found first.
        ours.zName = NAME.as_ptr();
        ours.pNext = ptr::null_mut();
        ours.xOpen = Some(open);
        assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1), SQLITE_OK);
    }
}

/// Lets the `n`-th write or sync from now on fail, and all that follow, until [`repair`].
pub(crate) fn fail_at(n: u64, fault: Fault) {
    CODE.store(i64::from(fault.code()), SeqCst);
    UNTIL.store(i64::try_from(n).expect("small"), SeqCst);
}

/// Lets everything work again.
pub(crate) fn repair() {
    UNTIL.store(-1, SeqCst);
}

/// Lets every sync from now on wait until [`let_go`], as on a slow disk.
pub(crate) fn hold() {
    *held() = Some(0);
}

/// Waits until some sync waits.
pub(crate) fn held_up() {
    let waits = |held: &mut Option<u64>| held.is_none_or(|syncs| syncs == 0);
    drop(HELD_CHANGED.wait_while(held(), waits).expect("nobody panics with it"));
}

/// Lets the syncs that wait, and all others, go on.
pub(crate) fn let_go() {
    *held() = None;
    HELD_CHANGED.notify_all();
}

fn held() -> MutexGuard<'static, Option<u64>> {
    HELD.lock().expect("nobody panics with it")
}

/// Waits for the disk, if it is slow.
fn wait_for_disk() {
    let mut held = held();
    if let Some(syncs) = &mut *held {
        *syncs += 1;
        HELD_CHANGED.notify_all();
        drop(HELD_CHANGED.wait_while(held, |held| held.is_some()).expect("nobody panics with it"));
    }
}

/// Writes and syncs so far.
pub(crate) fn operations() -> u64 {
    OPERATIONS.load(SeqCst)
}

/// The error that is due for an operation of a kind, if one is.
fn fault(is_sync: bool) -> Option<c_int> {
    OPERATIONS.fetch_add(1, SeqCst);
    let until = UNTIL.load(SeqCst);
    if until < 0 {
        return None;
    }
    if until > 0 {
        UNTIL.store(until - 1, SeqCst);
        return None;
    }
    let code = c_int::try_from(CODE.load(SeqCst)).expect("a code");
    // A full disk syncs what it has; one that fails to sync takes writes.
    (is_sync == (code == SQLITE_IOERR_FSYNC)).then_some(code)
}

/// Opens by the system, and puts our functions into what it has opened.
unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's own arguments, handed to the VFS that the table was copied from; its files begin with the
    // pointer to their functions, which are never written to.
    unsafe {
        let system = *SYSTEM.get().expect("installed") as *mut sqlite3_vfs;
        let answer = (*system).xOpen.expect("a VFS opens")(system, name, file, flags, out);
        let watched = flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL) != 0;
        if answer == SQLITE_OK && watched && !(*file).pMethods.is_null() {
            (*file).pMethods = methods((*file).pMethods);
        }
        answer
    }
}

/// A copy of the system's functions with ours in it. The system has one table for files that are locked and
/// one for the others; both write and sync by the same functions.
unsafe fn methods(system: *const sqlite3_io_methods) -> *const sqlite3_io_methods {
    static OURS: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());
    FILES.get_or_init(|| system as usize);
    let mut ours = OURS.lock().expect("nobody panics with it");
    let copy = ours.entry(system as usize).or_insert_with(|| {
        // SAFETY: a table of functions of the system's VFS, which lives as long as the process.
        let mut copy = unsafe { *system };
        copy.xWrite = Some(write);
        copy.xSync = Some(sync);
        ptr::from_mut(Box::leak(Box::new(copy))) as usize
    });
    *copy as *const sqlite3_io_methods
}

fn system() -> &'static sqlite3_io_methods {
    let files = *FILES.get().expect("a file was opened") as *const sqlite3_io_methods;
    // SAFETY: set once, to a table that lives as long as the process.
    unsafe { &*files }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    length: c_int,
    offset: sqlite3_int64,
) -> c_int {
    match fault(false) {
        Some(code) => code,
        // SAFETY: SQLite's own arguments.
        None => unsafe { system().xWrite.expect("files are written")(file, data, length, offset) },
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    wait_for_disk();
    match fault(true) {
        Some(code) => code,
        // SAFETY: SQLite's own arguments.
        None => unsafe { system().xSync.expect("files are synced")(file, flags) },
    }
}
