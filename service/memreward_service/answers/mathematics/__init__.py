"""The value of a mathematical answer, as a text that is equal for equal values. READ FIRST ../math_values.py.

In the serving process: latex.py (one spelling), numbers.py (plain numbers). In processes that may be killed
(pool.py, worker.py): structure.py (lists, intervals, equations), scalars.py (expressions, by latex2sympy2_extended
and SymPy), algebraic.py and equality.py (exact comparison).
"""
