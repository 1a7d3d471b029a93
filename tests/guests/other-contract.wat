;; A valid component that speaks a contract of its own.
(component
  (core module $module
    (func (export "add") (param i32 i32) (result i32)
      local.get 0
      local.get 1
      i32.add))
  (core instance $instance (instantiate $module))
  (func $add (param "left" u32) (param "right" u32) (result u32)
    (canon lift (core func $instance "add")))
  (instance (export "example:arithmetic/operations@1.0.0")
    (export "add" (func $add))))
