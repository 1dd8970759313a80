"""Commands: what each command does, printing aside."""
