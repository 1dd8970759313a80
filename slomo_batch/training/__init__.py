"""Which weights? The data, losses, training loop and validation behind the shipped weights."""
