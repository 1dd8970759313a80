"""What is done and in which order, decided purely: no files, no clocks, no chance but what is passed in."""
