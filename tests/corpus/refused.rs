//! Components that no host may take, each with what is said of it.

use std::fmt::Write as _;

use super::module::{MEMORY, Module, manifest, manifest_of, task_type};

/// The most bytes of a component that is loaded, and one more.
const GIANT_BYTES: usize = 64 * 1024 * 1024 + 1;

/// Functions that the component with thousands of imports wants, beside the handler that it has; and
/// interfaces that the one without a handler wants.
const IMPORTS: usize = 5_000;

/// How long a function the component has that is costly to compile, in additions and multiplications:
/// a while for the compiler.
pub const COSTLY_TURNS: usize = 50_000;

/// A file that is refused.
pub struct Refused {
    /// The stem of the file.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What stands in the reason.
    pub reason: &'static str,
}

/// All of them.
pub fn refused() -> Vec<Refused> {
    let mut all = too_large();
    all.extend(undescribed());
    all.extend(uncallable());
    all.extend(talkative());
    all.extend(many_parts());
    all
}

fn by_hand(name: &str, reason: &'static str, change: impl FnOnce(&mut Module)) -> Refused {
    let mut module = Module::new(name);
    change(&mut module);
    Refused { name: name.to_owned(), bytes: module.component(), reason }
}

fn too_large() -> Vec<Refused> {
    let head =
        |name: &str, reason, head: String| by_hand(name, reason, |module| module.head = head);
    let more = |part: &str, times: usize| format!("{MEMORY}{}", part.repeat(times));
    let giant = padded(Module::new("giant").component(), GIANT_BYTES);
    let reason = "it has 67108865 bytes; at most 67108864 are loaded";
    vec![
        head("memories", "memor", more("(memory 1)", 8)),
        head("tables", "table", more("(table 1 funcref)", 20)),
        head("large-table", "table", more("(table 10000000 funcref)", 1)),
        head("large-memory", "memory", "(memory (export \"memory\") 60000)".to_owned()),
        Refused { name: "giant".to_owned(), bytes: giant, reason },
    ]
}

/// A valid component, made so long by a section that says nothing.
pub fn padded(mut component: Vec<u8>, length: usize) -> Vec<u8> {
    // A section without meaning: its kind, its length in five bytes, the length of its name and no name.
    const HEAD: usize = 7;
    let rest = length.checked_sub(component.len() + HEAD).expect("it is made longer") + 1;
    component.push(0);
    let group = |place: usize| u8::try_from(rest >> (7 * place) & 0x7f).expect("seven bits");
    component.extend((0..5).map(|place| group(place) | if place < 4 { 0x80 } else { 0 }));
    component.resize(length, 0);
    component
}

fn undescribed() -> Vec<Refused> {
    const REASON: &str = "its `describe` failed: ";
    let described = |name: &str, text: &str| {
        by_hand(name, REASON, |module| module.describe = Some(text.to_owned()))
    };
    let spin = format!("{MEMORY}(func $start (loop $l (br $l)))(start $start)");
    let costly = costly("costly", COSTLY_TURNS, "(unreachable)");
    vec![
        by_hand("start-spins", REASON, |module| module.head = spin),
        described(
            "no-utf8",
            "(i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 0) (i32.const 0xfffefdfc)) \
             (i32.store (i32.const 20) (i32.const 4)) (i32.const 16)",
        ),
        described(
            "text-beyond",
            "(i32.store (i32.const 16) (i32.const 0x7ffffff0)) (i32.store (i32.const 20) (i32.const 64)) \
             (i32.const 16)",
        ),
        described(
            "text-4mb",
            "(i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 4000000)) \
             (i32.const 16)",
        ),
        described("address-beyond", "(i32.const -4)"),
        described("address-odd", "(i32.const 17)"),
        Refused { name: "costly".to_owned(), bytes: costly, reason: REASON },
    ]
}

/// A component whose one long function takes the compiler its time, and whose `describe` does what these
/// instructions say.
pub fn costly(name: &str, turns: usize, describe: &str) -> Vec<u8> {
    let mut head = format!("{MEMORY}(func (param i32 i32) (result i32)");
    for turn in 0..turns {
        let _ = write!(
            head,
            "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.const {turn})))"
        );
    }
    head.push_str("(local.get 0))");
    let describe = Some(describe.to_owned()).filter(|text| !text.is_empty());
    Module { head, describe, ..Module::new(name) }.component()
}

fn uncallable() -> Vec<Refused> {
    const TRAP: &str = "its smoke call failed: trap: ";
    let smoke =
        |name: &str, text: &str| by_hand(name, TRAP, |module| module.smoke = text.to_owned());
    let realloc = |name: &str, reason, text: &str| {
        by_hand(name, reason, |module| module.realloc = text.to_owned())
    };
    vec![
        smoke("smoke-trap", "(unreachable)"),
        smoke("smoke-nowhere", "(return (i32.const -8))"),
        realloc("realloc-beyond", TRAP, "(i32.const 0x7ffffff0)"),
        // Out of fuel, or out of time where the machine has much else to do.
        realloc("realloc-spins", "its smoke call failed: ", "(loop $l (br $l)) (unreachable)"),
    ]
}

fn talkative() -> Vec<Refused> {
    let said = |name: &str, reason, manifest: String| {
        by_hand(name, reason, |module| module.manifest = manifest)
    };
    let many: Vec<_> = (0..2_000).map(|n| format!("\"t{n}\": {}", task_type("{}", "{}"))).collect();
    let deep = format!("{}{}", "{\"not\": ".repeat(5_000), "}".repeat(5_000));
    let mut doubling = String::from("{\"$ref\": \"#/$defs/a0\", \"$defs\": {");
    for n in 0..40 {
        let next = n + 1;
        let _ = write!(
            doubling,
            "\"a{n}\": {{\"allOf\": [{{\"$ref\": \"#/$defs/a{next}\"}}, {{\"$ref\": \"#/$defs/a{next}\"}}]}}, "
        );
    }
    doubling.push_str("\"a40\": {}}}");
    let elsewhere = "{\"$ref\": \"http://127.0.0.1/x\"}";
    let misnamed = format!("\"../x\": {}", task_type("{}", "{}"));
    vec![
        said("task-types", "task_types", manifest_of("task-types", &many.join(","))),
        said("schema-deep", "recursion", manifest("schema-deep", &deep, "{}")),
        said("schema-doubles", "input_schema", manifest("schema-doubles", &doubling, "{}")),
        said("schema-elsewhere", "input_schema", manifest("schema-elsewhere", elsewhere, "{}")),
        said("task-type-path", "../x", manifest_of("task-type-path", &misnamed)),
    ]
}

fn many_parts() -> Vec<Refused> {
    const TOO_MANY: &str = "instances count exceeds limit of";
    let text = |name: &str, reason, text: &str| {
        let bytes = wat::parse_str(text).expect("well-formed");
        Refused { name: name.to_owned(), bytes, reason }
    };
    let imports: String =
        (0..IMPORTS).map(|n| format!("(import \"evil:x/i{n}\" (instance))")).collect();
    let modules: String =
        (0..2_000).map(|n| format!("(core instance $i{n} (instantiate $m))")).collect();
    let nested = format!("{}{}", "(component ".repeat(60), ")".repeat(60));
    vec![
        text("imports-only", TOO_MANY, &format!("(component {imports})")),
        text("instances", "it is ", &format!("(component (core module $m) {modules})")),
        text("nested", "it is ", &nested),
        imports_and_handler(),
    ]
}

/// A plugin in every other respect that wants thousands of functions.
fn imports_and_handler() -> Refused {
    let each = |text: &dyn Fn(usize) -> String| (0..IMPORTS).map(text).collect::<String>();
    let wanted = each(&|n| format!("import want{n}: func();\n"));
    let package = format!(
        "package evil:many;\nworld plugin {{ include taskloom:plugin/plugin@1.0.0;\n{wanted}}}"
    );
    let functions = each(&|n| format!("(import \"$root\" \"want{n}\" (func))"));
    by_hand("imports", "it does not fit this host: component imports function `want", |module| {
        module.packages = vec![package];
        module.head = format!("{functions}{MEMORY}");
    })
}
