"""What a person asked for: the manifest, read, judged at the door and composed into settings of single videos."""
