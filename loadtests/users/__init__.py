"""Behaviour of customers."""
