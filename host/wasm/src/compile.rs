//! Compiles components to native code: in a process of its own where there is one.
//!
//! The compiler takes a hundred times the memory of its result, which an allocator does not give back; it reads
//! foreign bytes; and it cannot be stopped. A process ends with all of that: its memory, time and crashes
//! are not the host's. The code that it writes is authenticated by the host and loaded from its cache.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;
use crate::load::LoadError;

/// How long compiling one component may take, unless somebody says otherwise.
pub(crate) const COMPILE_TIME_MAX: Duration = Duration::from_secs(120);

/// Memory that a process may take for compiling one component.
const COMPILE_MEMORY_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes that a compiler's complaint may have.
const COMPLAINT_BYTES_MAX: u64 = 16 * 1024;

/// A program that compiles: it reads a component from its standard input and writes the code to its standard
/// output, as [`compile_stream`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// What it is called with.
    pub arguments: Vec<OsString>,
}

/// The whole of a compiling process: bounds its memory, reads a component and writes its code.
///
/// # Errors
/// What is wrong with the component, or with the streams.
pub fn compile_stream(input: &mut impl Read, output: &mut impl Write) -> Result<(), String> {
    let limit = getrlimit(Resource::Data);
    let least =
        |max: Option<u64>| max.map_or(COMPILE_MEMORY_MAX, |max| max.min(COMPILE_MEMORY_MAX));
    let bounded = Rlimit { current: Some(least(limit.current)), maximum: limit.maximum };
    setrlimit(Resource::Data, bounded).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    let engine = engine::engine(1).map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&bytes).map_err(|error| format!("{error:#}"))?;
    output.write_all(&code).map_err(|error| format!("its code cannot be written: {error}"))
}

impl Compiler {
    /// Compiles a component, and waits for it at most for `limit`; in this process if the program cannot be
    /// started.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, LoadError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match command.spawn() {
            Ok(child) => finish(child, bytes.to_vec(), limit),
            Err(error) => {
                tracing::warn!(program = %self.program.display(), %error, "cannot be started to compile");
                code_here(engine, bytes, limit)
            }
        }
    }
}

/// Feeds a compiler, hears what it says and waits for its end, which comes in time one way or another.
fn finish(mut child: Child, bytes: Vec<u8>, limit: Duration) -> Result<Vec<u8>, LoadError> {
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that has seen enough closes its input; what it says then is the error.
    let feeder = thread::spawn(move || _ = stdin.write_all(&bytes));
    let (done, heard) = mpsc::channel();
    let (mut stdout, stderr) =
        (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
    let complaint = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.take(COMPLAINT_BYTES_MAX).read_to_string(&mut text);
        text
    });
    thread::spawn(move || {
        let mut code = Vec::new();
        let read = stdout.read_to_end(&mut code);
        // Who waited may have given up.
        let _ = done.send(read.map(|_| code));
    });
    let code = heard.recv_timeout(limit);
    if code.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child.wait();
    let _ = feeder.join();
    let complaint = complaint.join().unwrap_or_default();
    match code {
        Err(RecvTimeoutError::Timeout) => Err(LoadError::CompileTimeout { limit }),
        Err(RecvTimeoutError::Disconnected) | Ok(Err(_)) => Err(gave_up()),
        Ok(Ok(code)) => ended(code, status, complaint.trim()),
    }
}

fn ended(
    code: Vec<u8>,
    status: io::Result<ExitStatus>,
    complaint: &str,
) -> Result<Vec<u8>, LoadError> {
    match status {
        Ok(status) if status.success() => Ok(code),
        Ok(status) if status.code().is_some() && !complaint.is_empty() => {
            Err(LoadError::Invalid(complaint.to_owned()))
        }
        Ok(status) => {
            tracing::warn!(%status, complaint, "the compiler did not come to an end");
            Err(gave_up())
        }
        Err(_) => Err(gave_up()),
    }
}

fn gave_up() -> LoadError {
    LoadError::Invalid("the compiler gave up on it".to_owned())
}

/// Compiles in this process, on a thread that can be left behind.
pub(crate) fn here(engine: &Engine, bytes: &[u8], limit: Duration) -> Result<Component, LoadError> {
    let (done, compiled) = mpsc::channel();
    let (engine, bytes) = (engine.clone(), bytes.to_vec());
    let compile = move || {
        let _ = done.send(Component::from_binary(&engine, &bytes));
    };
    let started = thread::Builder::new().name("taskloom-compile".to_owned()).spawn(compile);
    if started.is_err() {
        return Err(LoadError::HostBusy);
    }
    match compiled.recv_timeout(limit) {
        Ok(Ok(component)) => Ok(component),
        Ok(Err(error)) => Err(LoadError::Invalid(format!("{error:#}"))),
        Err(RecvTimeoutError::Timeout) => Err(LoadError::CompileTimeout { limit }),
        Err(RecvTimeoutError::Disconnected) => Err(gave_up()),
    }
}

/// The code of a component that is compiled in this process.
pub(crate) fn code_here(
    engine: &Engine,
    bytes: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, LoadError> {
    let component = here(engine, bytes, limit)?;
    component.serialize().map_err(|error| LoadError::Invalid(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compiler that is a shell's script.
    fn script(text: &str) -> Compiler {
        let arguments = ["-c", text].map(OsString::from).to_vec();
        Compiler { program: "/bin/sh".into(), arguments }
    }

    fn compile(compiler: &Compiler, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
        compiler.compile(&engine::engine(4).expect("an engine"), bytes, COMPILE_TIME_MAX)
    }

    #[test]
    fn the_code_is_what_the_compiler_writes() {
        let large = vec![7; 300_000];
        assert_eq!(compile(&script("/bin/cat"), &large), Ok(large));
    }

    #[test]
    fn a_complaint_is_the_reason() {
        let script = script("echo 'magic header not detected' >&2; exit 2");
        let error = compile(&script, &[7; 300_000]);
        assert_eq!(error, Err(LoadError::Invalid("magic header not detected".to_owned())));
    }

    #[test]
    fn a_compiler_that_dies_takes_nobody_with_it() {
        assert_eq!(compile(&script("kill -9 $$"), b"x"), Err(gave_up()));
    }

    #[test]
    fn a_compiler_that_finds_no_end_is_stopped() {
        let endless = script("while :; do :; done");
        let engine = engine::engine(4).expect("an engine");
        let limit = Duration::from_millis(20);
        assert_eq!(endless.compile(&engine, b"x", limit), Err(LoadError::CompileTimeout { limit }));
    }

    #[test]
    fn without_the_program_it_is_compiled_in_this_process() {
        let nobody = Compiler { program: "/nowhere/compiler".into(), arguments: vec![] };
        let code =
            compile(&nobody, &wat::parse_str("(component)").expect("WAT")).expect("compiles");
        assert!(Engine::detect_precompiled(&code).is_some());
    }

    #[test]
    fn compiled_code_fits_the_engine_of_the_host() {
        let component = wat::parse_str("(component)").expect("WAT");
        let engine = engine::engine(4).expect("an engine");
        let mut code = Vec::new();
        compile_stream(&mut component.as_slice(), &mut code).expect("compiles");
        assert!(Engine::detect_precompiled(&code).is_some());
        // SAFETY: it was just made by this engine's compiler.
        unsafe { Component::deserialize(&engine, &code) }.expect("fits");
        let error = compile_stream(&mut b"no component".as_slice(), &mut code);
        assert!(error.expect_err("is no component").contains("magic"));
    }
}
