//! The contract's types and functions, made from its WIT.

#![allow(missing_docs, unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../wit/1.0.0",
    world: "plugin",
    imports: {
        "taskloom:plugin/artefacts.put": async | trappable,
        "taskloom:plugin/artefacts.read": async | trappable,
        "taskloom:plugin/secrets.placeholder": async | trappable,
        "taskloom:plugin/ai.complete": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
