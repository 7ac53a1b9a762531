"""The command line: composition root of every process, with lazy imports."""
