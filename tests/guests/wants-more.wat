;; A component that imports what no host gives to a plugin.
(component
  (import "example:system/shell@1.0.0" (instance $shell
    (export "run" (func (param "command" string)))))
  (core module $module
    (memory (export "memory") 1)
    (func (export "describe") (result i32)
      i32.const 0))
  (core instance $instance (instantiate $module))
  (func $describe (result string)
    (canon lift (core func $instance "describe") (memory (core memory $instance "memory"))))
  (instance (export "taskloom:plugin/handler@1.0.0")
    (export "describe" (func $describe))))
