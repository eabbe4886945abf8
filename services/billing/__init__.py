"""Billing: accounts, keys, prices and the ledger in Postgres, the client that gateways use, and the admin command."""
