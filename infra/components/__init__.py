"""One noun per file, each a `ComponentResource` with typed arguments and outputs."""
