"""The command `memreward` and the commands that only speak to a service."""
