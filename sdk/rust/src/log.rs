//! Lines in the attempt's log.
//!
//! ```
//! use taskloom_sdk::log::{info, warn};
//!
//! let pages = 3;
//! info!("fetched {pages} pages");
//! warn!("{} labels are unknown", 2; repository = "octo/cat", labels = ["a", "b"]);
//! ```
//!
//! After the message and its arguments stand, behind a `;`, fields for machines: anything that `serde`
//! can write. The host keeps a limited number of lines and bytes; what goes beyond is dropped and counted.

use serde_json::Value;

use crate::host;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator may want to know.
    Info,
    /// Something unexpected that did not stop the work.
    Warn,
    /// Something that stopped it.
    Error,
}

/// Writes a line; the macros of this module are the usual way.
pub fn write(level: Level, message: &str, fields: Option<&Value>) {
    host::log(level, message, fields);
}

/// Writes a line at a level: `line!(Level::Info, "…", args; field = value)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_line {
    ($level:ident, $format:literal $(, $argument:expr)* $(,)?) => {
        $crate::log::write($crate::log::Level::$level, &format!($format $(, $argument)*), None)
    };
    ($level:ident, $format:literal $(, $argument:expr)* ; $($field:ident = $value:expr),+ $(,)?) => {{
        let fields = $crate::log::__json!({ $(stringify!($field): $value),+ });
        $crate::log::write($crate::log::Level::$level, &format!($format $(, $argument)*), Some(&fields))
    }};
}

/// Writes a line at level trace; see the [module](crate::log).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace { ($($line:tt)+) => { $crate::__log_line!(Trace, $($line)+) }; }

/// Writes a line at level debug; see the [module](crate::log).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug { ($($line:tt)+) => { $crate::__log_line!(Debug, $($line)+) }; }

/// Writes a line at level info; see the [module](crate::log).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info { ($($line:tt)+) => { $crate::__log_line!(Info, $($line)+) }; }

/// Writes a line at level warn; see the [module](crate::log).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn { ($($line:tt)+) => { $crate::__log_line!(Warn, $($line)+) }; }

/// Writes a line at level error; see the [module](crate::log).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error { ($($line:tt)+) => { $crate::__log_line!(Error, $($line)+) }; }

#[doc(inline)]
pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};
#[doc(hidden)]
pub use serde_json::json as __json;
