"""What programs do on inputs made from their query alone."""

__all__ = ["run"]
