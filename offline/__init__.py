"""What lets the real tools run with no account and no internet. Nothing that production uses imports this package."""
