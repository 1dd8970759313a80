"""Plan: what will be made of one video. Ids, chunks, sizes, encoders, and what a job pins. Pure."""
