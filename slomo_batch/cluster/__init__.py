"""Ray clusters seen from outside: cluster files, nodes, submitted jobs, spot machines."""
