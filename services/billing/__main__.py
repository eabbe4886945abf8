"""`python -P -m services.billing`: administer accounts, keys and the ledger; `--help` lists the commands."""

import sys

from services.billing.command_line import main

if __name__ == "__main__":
    sys.exit(main())
