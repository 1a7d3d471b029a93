//! A handler in the text format, as a component of the contract.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where the module's data begins that its functions hand over.
pub const DATA: usize = 4096;

/// The memory of a module that has no other one: 4 MiB.
pub const MEMORY: &str = "(memory (export \"memory\") 64)";

/// A handler in the text format, in parts that are replaced.
pub struct Module {
    /// Packages of WIT beside the contract, the last with a world `plugin` that includes that of the
    /// contract; none for those that import nothing.
    pub packages: Vec<String>,
    /// What stands before everything else: imports, memories, tables, functions.
    pub head: String,
    /// The text that `describe` gives.
    pub manifest: String,
    /// The instructions of `describe`; `None` for those that give `manifest`.
    pub describe: Option<String>,
    /// The instructions of `execute` for the task type of the smoke call, `?`: the only one whose name
    /// is this short.
    pub smoke: String,
    /// The instructions of `execute` for every other task type.
    pub execute: String,
    /// The instructions of `cabi_realloc`.
    pub realloc: String,
}

impl Module {
    /// A well-behaved handler in the file `<name>.wasm`.
    pub fn new(name: &str) -> Self {
        Self {
            packages: Vec::new(),
            head: MEMORY.to_owned(),
            manifest: manifest(name, "{}", "{}"),
            describe: None,
            smoke: answer(DATA, 2),
            execute: answer(DATA, 2),
            realloc: "(i32.const 1048576)".to_owned(),
        }
    }

    /// The text as a component of the contract.
    pub fn component(&self) -> Vec<u8> {
        let text = self.text();
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = Resolve::default();
        let (mut package, _) = resolve.push_path(contract()).expect("the contract");
        for (place, text) in self.packages.iter().enumerate() {
            package = resolve.push_str(format!("{place}.wit"), text).expect("a package of WIT");
        }
        let world = resolve.select_world(&[package], Some("plugin")).expect("its world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .expect("it fits");
        let mut encoder = ComponentEncoder::default();
        let encoder = encoder.validate(true).module(&module).expect("a module");
        encoder.encode().expect("a component")
    }

    fn text(&self) -> String {
        let describe = self.describe.clone().unwrap_or_else(|| {
            format!(
                "(i32.store (i32.const 16) (i32.const {})) (i32.store (i32.const 20) (i32.const {})) \
                 (i32.const 16)",
                DATA + 2,
                self.manifest.len()
            )
        });
        format!(
            "(module {head}\n(data (i32.const {DATA}) \"{{}}{data}\")\n\
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {realloc})\n\
             (func (export \"taskloom:plugin/handler@1.0.0#describe\") (result i32) {describe})\n\
             (func (export \"taskloom:plugin/handler@1.0.0#execute\") (param i32 i32 i32 i32) \
             (result i32) (if (i32.eq (local.get 1) (i32.const 1)) (then {smoke} (return)))\n\
             {execute}))",
            smoke = self.smoke,
            head = self.head,
            data = self.manifest.replace('\\', "\\\\").replace('"', "\\\""),
            realloc = self.realloc,
            execute = self.execute,
        )
    }
}

/// The folder of the contract, seen from any crate of the workspace.
fn contract() -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut contracts = folders.map(|folder| folder.join("wit/1.0.0"));
    contracts.find(|contract| contract.is_dir()).expect("it lies at the root of the workspace")
}

/// The manifest of a plugin with the one task type `run`, with these schemas.
pub fn manifest(name: &str, input_schema: &str, output_schema: &str) -> String {
    manifest_of(name, &format!("\"run\": {}", task_type(input_schema, output_schema)))
}

/// The manifest of a plugin with these task types.
pub fn manifest_of(name: &str, task_types: &str) -> String {
    format!(
        "{{\"name\": \"{name}\", \"version\": \"0.1.0\", \"summary\": \"s\", \"contract\": \"1.0.0\", \
         \"task_types\": {{{task_types}}}}}"
    )
}

/// What a manifest says of a task type.
pub fn task_type(input_schema: &str, output_schema: &str) -> String {
    format!(
        "{{\"summary\": \"r\", \"input_schema\": {input_schema}, \"output_schema\": {output_schema}, \
         \"effects\": \"pure\", \"resource_class\": \"cpu\", \"idempotent\": true}}"
    )
}

/// The instructions that answer with a text.
pub fn answer(address: usize, length: usize) -> String {
    format!(
        "(i32.store8 (i32.const 32) (i32.const 0)) (i32.store (i32.const 40) (i32.const {address})) \
         (i32.store (i32.const 44) (i32.const {length})) (i32.const 32)"
    )
}
