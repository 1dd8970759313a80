"""The plan of one video: ids, chunks, sizes, encoders, and the values that a job pins. Pure."""
