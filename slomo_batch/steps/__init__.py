"""The steps of a video, a file each: open (probe and plan), split, interpolate, audio, stitch (verify and publish).

Every step is a function from records to a record, without Ray. It can run again at any time, anywhere, any number of
times: it first reads what is committed, writes under keys that no other attempt uses, and commits by one put-if-absent.
"""
