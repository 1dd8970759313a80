"""The manifest: read, validated and composed into the settings of single videos."""
