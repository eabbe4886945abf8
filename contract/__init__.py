"""The contract: what an environment is (outputs), sells (catalog) and promises (SLOs), as typed models with readers.

Everything else may import this package; it imports nothing of ours.
"""
