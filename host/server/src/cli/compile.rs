//! `taskloom compile-plugin`: what the host starts to compile a plugin; not for people.

use std::io::{Write as _, stdin, stdout};

use taskloom_wasm::{Compiler, compile_stream};

use super::{Done, Failed};

/// The command's name.
pub(super) const NAME: &str = "compile-plugin";

/// This program as a compiler. By the link of the running program, so that it is the same version even
/// when the file has been replaced meanwhile.
pub(super) fn compiler() -> Compiler {
    Compiler { program: "/proc/self/exe".into(), arguments: vec![NAME.into()] }
}

pub(super) fn compile() -> Result<Done, Failed> {
    compile_stream(&mut stdin().lock(), &mut stdout().lock())
        .and_then(|()| stdout().flush().map_err(|error| error.to_string()))
        .map_or_else(
            |problem| {
                // Alone on its line: the host shows it to people.
                eprintln!("{problem}");
                Ok(Done::Invalid)
            },
            |()| Ok(Done::Well),
        )
}
