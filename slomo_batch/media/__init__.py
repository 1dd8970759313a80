"""Read and write media files: probe, index, split, decode, encode, join."""
