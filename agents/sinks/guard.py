"""Keeps requests away from addresses inside our own network.

The check is made on what a name resolved to for this very connection, so a name that answers differently the second
time gets nowhere either.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

_NUMERIC: Final = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)(\.(0[xX][0-9a-fA-F]+|\d+)){0,3}\.?")
"""Other spellings of an IPv4 address that C libraries understand: `127.1`, `2130706433`, `0x7f000001`."""

_NAT64: Final = IPv6Network("64:ff9b::/96")


class PrivateAddress(OSError):
    """A name that leads into a private network."""


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses those of which any address is not public. Addresses written out never get here:
    `is_public_host` checks them."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses. Raises: PrivateAddress, or OSError when the name is unknown."""
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(result["host"]) for result in found):
            raise PrivateAddress("the name leads to a private address")
        return found

    async def close(self) -> None:
        """Nothing more will be resolved."""
        await self._resolver.close()


def is_public_host(host: str) -> bool:
    """Whether a host may be asked for: a name (its addresses are checked later), or a public address."""
    try:
        ip_address(host)
    except ValueError:
        return not _NUMERIC.fullmatch(host)
    return is_public(host)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also when it wraps an IPv4 address."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _wrapped(ip) if isinstance(ip, IPv6Address) else None
    return ip.is_global and not ip.is_multicast and (inner is None or (inner.is_global and not inner.is_multicast))


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
