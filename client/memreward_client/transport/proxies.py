"""Which proxy of the environment a call goes through: none to this machine itself, and every error names it."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from memreward_client.transport.base import Address

GRPC_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Where gRPC looks for a proxy, in this order."""


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: localhost, 127.0.0.0/8, ::1."""
    name = host.rstrip(".").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def proxy_of(address: Address) -> str | None:
    """The URL of the proxy that the environment names for an address; None where it is asked directly."""
    if is_loopback(address.host) or proxy_bypass(address.host):
        return None
    if address.scheme.startswith("grpc"):
        found = next((value for name in GRPC_VARIABLES if (value := os.environ.get(name))), None)
    else:
        named = getproxies()
        found = named.get(address.scheme) or named.get("all")
    return found if not found or "://" in found else f"http://{found}"


def place_of(address: Address) -> str:
    """The address for an error: its URL, and the proxy on the way, without the password of either."""
    proxy = proxy_of(address)
    if proxy is None:
        return address.url
    parts = urlsplit(proxy)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return f"{address.url} (through the proxy {shown} of the environment; no_proxy names hosts to ask directly)"
