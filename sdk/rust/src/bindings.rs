//! What `wit-bindgen` makes of the contract and of `wasi:http`.
//!
//! One world holds both. An import that a plugin does not call is dropped by the linker, and so the
//! component does not ask its host for it.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]

wit_bindgen::generate!({
    inline: "
        package taskloom:sdk;

        world guest {
            include taskloom:plugin/plugin@1.0.0;
            import wasi:http/outgoing-handler@0.2.12;
        }
    ",
    path: [
        "wit/deps/io.wit",
        "wit/deps/clocks.wit",
        "wit/deps/http.wit",
        "../../wit/1.0.0",
    ],
    world: "taskloom:sdk/guest",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "taskloom_sdk::bindings",
});
