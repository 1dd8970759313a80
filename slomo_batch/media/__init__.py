"""Which bytes: probing, indexing, splitting, decoding, encoding, joining. The only importer of PyAV."""
