"""The addresses of embedded clusters."""

from ipaddress import IPv4Network
from typing import Final

# RFC 2544 sets 198.18.0.0/15 aside for benchmarks, so no site routes it. The lower half is left to the
# proxies that hand out its addresses as placeholders.
CLUSTERS: Final = IPv4Network("198.19.0.0/16")
