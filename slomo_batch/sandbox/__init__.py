"""How are strangers' files read safely? In child processes without credentials, network and files."""
