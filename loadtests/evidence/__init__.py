"""What others say of a run: the ledger, and the engines."""
