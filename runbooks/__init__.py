"""Runbooks: one executable page per alert, and what runs it."""
