"""Pulumi's Python language host: runs programs and policy packs for the engine."""
