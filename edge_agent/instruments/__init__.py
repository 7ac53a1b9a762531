"""What is asked of instruments, and what their answers mean: one module a protocol."""
