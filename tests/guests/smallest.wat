;; The smallest plugin: it describes itself with one task type, and answers every call with an empty object. The fuzzer
;; begins with it (`fuzz/corpus/component/whole`).
(module
  (memory (export "memory") 1)
  ;; What `describe` answers: a pointer to the text, and its length.
  (data (i32.const 16) "\40\00\00\00\ce\00\00\00")
  ;; What `execute` answers: the case `ok`, and at its offset a pointer to a text and its length.
  (data (i32.const 32) "\00\00\00\00\00\00\00\00\38\00\00\00\02\00\00\00")
  (data (i32.const 56) "{}")
  (data (i32.const 64)
    "{\"name\":\"smallest\",\"version\":\"1.0.0\",\"summary\":\"s\",\"contract\":\"1.0.0\",\"task_types\":{\"run\":{\"summary\":\"r\",\"input_schema\":true,\"output_schema\":true,\"effects\":\"pure\",\"resource_class\":\"cpu\",\"idempotent\":true}}}")
  ;; Where arguments are put: nobody reads them, so they may lie upon each other.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    i32.const 1024)
  (func (export "taskloom:plugin/handler@1.0.0#describe") (result i32)
    i32.const 16)
  (func (export "taskloom:plugin/handler@1.0.0#execute") (param i32 i32 i32 i32) (result i32)
    i32.const 32))
