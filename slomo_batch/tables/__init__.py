"""Tables: the catalogues a person hands in, and the ledger of what happened. Bytes in, bytes out; the only importer of
pyarrow.
"""
