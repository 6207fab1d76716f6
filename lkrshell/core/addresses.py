"""IP addresses as text: which ones belong to the public internet."""

import ipaddress

# Networks whose addresses contain an IPv4 address.
_EMBEDDING = tuple(ipaddress.ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
# In public ranges, but a cloud's machines reach the cloud's own services there: Azure's, and Oracle's older one.
_CLOUDS = tuple(ipaddress.ip_network(each) for each in ("168.63.129.16/32", "192.0.0.0/24"))


def is_public(address: str) -> bool:
    """False for loopback, private, link-local and metadata addresses, however they are written."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            found = found.ipv4_mapped
        elif any(found in network for network in _EMBEDDING):  # whoever wrote it chose the IPv4 address inside
            return False
    if any(found in network for network in _CLOUDS):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def is_address(text: str) -> bool:
    """True for an IP address, false for a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
