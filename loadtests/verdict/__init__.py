"""Is it good enough? Pure: from what the client saw and what others say to a verdict."""
