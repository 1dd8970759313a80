"""One verb per file: open (probe and plan), split, interpolate, sound, stitch (verify and publish). No Ray here.

Every step is a function from records to a record. It may be run again at any time, anywhere, any number of times: it
reads what is committed first, writes under keys of its own, and commits by one put-if-absent.
"""
