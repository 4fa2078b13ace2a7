"""The commands of the extra `service`."""
