import sys
from services.billing.migration import migrate

print(migrate())
