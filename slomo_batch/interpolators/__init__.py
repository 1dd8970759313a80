"""Which pixels? Methods that make frames between two frames: one contract, one file per method."""
