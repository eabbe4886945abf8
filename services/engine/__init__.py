"""What runs in the engine's container: it pulls an artifact from the model store and serves it with llama.cpp."""
