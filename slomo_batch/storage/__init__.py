"""Where: object stores behind one contract, and the spelling of every key."""
