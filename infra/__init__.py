"""The Pulumi program: what lives for months. `__main__.py` is its table of contents."""
