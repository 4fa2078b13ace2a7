"""What runs inside the sandbox, in an interpreter that has nothing else of this package.

confinement.py      what a process does to itself first: landlock.py, system_calls.py
literals.py         plain values as JSON: all that crosses the wall
given_names.py      names that judges give to programs
function_server.py  holds one program and calls its functions
script_runner.py    becomes one script
test_runner.py      runs the tests of a query, beside the sandbox, and reaches the program only through calls
"""
