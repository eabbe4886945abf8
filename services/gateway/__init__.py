"""The gateway: an OpenAI-compatible API before the engines that admits, relays, meters and settles every request."""
