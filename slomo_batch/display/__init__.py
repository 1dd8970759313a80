"""Display: what is shown of a job, live, in lines and as JSON, and how questions are answered.

Nothing shown is read back by the program, and nothing is shown raw that a file's name or its metadata holds: a terminal
would obey it (slomo_batch.legible).
"""
