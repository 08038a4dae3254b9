"""The commands: one module a group, each a thin reading of its arguments and printing of its result."""
