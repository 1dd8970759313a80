"""When: rational time. Everything here is exact; nothing here knows of files, pictures or machines."""
