;; A component of the contract whose start function traps: it cannot even be described.
(module
  (memory (export "memory") 1)
  (func $start unreachable)
  (start $start)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    unreachable)
  (func (export "taskloom:plugin/handler@1.0.0#describe") (result i32)
    unreachable)
  (func (export "taskloom:plugin/handler@1.0.0#execute") (param i32 i32 i32 i32) (result i32)
    unreachable))
