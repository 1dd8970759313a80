"""A Ray cluster: its file judged, its nodes asked for, jobs submitted to it and followed."""
