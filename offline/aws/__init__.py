"""Pulumi's `aws` provider over a simulated AWS (moto): the types that the program uses, checked as strictly as AWS."""
