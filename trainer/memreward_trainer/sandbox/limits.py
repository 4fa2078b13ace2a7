"""How much a model-written program may use before it is stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one program, from its start to the end of its last call. All are positive."""

    cpu_seconds: int = 5
    """Processor time of all calls together; beyond it the program is killed."""
    wall_seconds: float = 20.0
    """Time by the clock, all calls together; a program that sleeps is killed after it."""
    call_seconds: float = 2.0
    """Processor time of one call, or of loading the program; beyond it that call ends, the next one may come."""
    memory_bytes: int = 512 * 2**20
    """Address space; beyond it the program sees a MemoryError."""
    file_bytes: int = 2**20
    """Size of one file."""
    directory_bytes: int = 16 * 2**20
    """Size of the working directory, where the isolation gives one that can be written."""
    output_bytes: int = 2**20
    """What one call may return, as JSON, and what one script may print."""
    open_files: int = 64
    """Files and pipes open at once."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise ValueError(f"{name} is {value}: a limit is a positive number.")
