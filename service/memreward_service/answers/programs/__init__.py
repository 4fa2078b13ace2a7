"""The program in a response, and its text in one form. READ FIRST find.py, then in the order of the work:

asked.py         what the query asks a program to define
fences.py        the fenced blocks of a response; unfenced.py the code in plain prose
definitions.py   which of them defines it, and which others that one needs
bodies.py        the body of a function alone, joined to the signature in the query
text.py          the key in which programs agree that differ in formatting alone
"""

from memreward_service.answers.programs.asked import Asked, asked
from memreward_service.answers.programs.bodies import is_body
from memreward_service.answers.programs.definitions import reads_input
from memreward_service.answers.programs.fences import blocks
from memreward_service.answers.programs.find import program
from memreward_service.answers.programs.text import code_key

__all__ = ["Asked", "asked", "blocks", "code_key", "is_body", "program", "reads_input"]
