"""Object stores (folders and S3) behind one interface, URIs, and the keys of the work store."""
