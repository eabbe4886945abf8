"""What a person attaches to a report of a bug: versions, states and logs in one file, without the secrets."""
