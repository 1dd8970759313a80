"""Report: what is shown and kept for people. Events, terminal, log, metrics, ledger and trace."""
