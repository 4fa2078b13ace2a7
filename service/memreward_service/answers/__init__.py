"""How the answer of a response is read: where it stands, then what its value is. READ FIRST reading.py.

    templates/    what chat templates add to a prompt or a response
    places/       where the final answer stands
    choices/      which option of a query it names
    programs/     the program of a response
    mathematics/  the value of an expression, read in other processes

The trainer may import this room: its verifiers read answers by the same rules.
"""

__all__ = ["choices", "math_values", "programs", "reading", "templates", "words"]
