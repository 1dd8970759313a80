"""When each frame is shown: exact rational time, independent of files, pictures and machines."""
