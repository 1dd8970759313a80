"""Pages for a browser: one self-contained HTML file each, which needs no network."""
