"""Which pixels: frames between two frames, one contract and a file per method."""
