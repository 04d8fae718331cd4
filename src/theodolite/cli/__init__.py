"""The command line: one module a command, none of which loads anything heavy before it runs."""
