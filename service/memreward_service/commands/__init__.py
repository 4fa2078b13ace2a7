"""The commands that the extra `service` brings to `memreward`; each file is one entry point of `memreward.commands`.

They can be imported without the extra, so that --help lists them everywhere.
"""

__all__ = ["demo", "serve"]
