"""A Ray cluster: its file judged, its nodes asked for."""
