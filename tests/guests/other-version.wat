;; A component that speaks a version of the contract that no host has.
(component
  (core module $module
    (memory (export "memory") 1)
    (func (export "describe") (result i32)
      i32.const 0))
  (core instance $instance (instantiate $module))
  (func $describe (result string)
    (canon lift (core func $instance "describe") (memory (core memory $instance "memory"))))
  (instance (export "taskloom:plugin/handler@9.0.0")
    (export "describe" (func $describe))))
