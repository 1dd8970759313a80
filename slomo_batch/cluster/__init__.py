"""Ray clusters from outside: cluster files, nodes, submitted jobs, spot instances."""
