"""The command line: parse, call a command, print, exit. A file per group of commands."""
