"""Which way a call goes: HTTP or gRPC, blocking or awaited. A transport carries a call once."""

__all__ = ["base", "open", "proxies"]
