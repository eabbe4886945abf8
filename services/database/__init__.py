"""What runs inside the database container: a Postgres that makes its cluster if there is none, and its probe.

Standard library only: the image holds Postgres and this folder, with the two configuration files in it.
"""
