"""Verifiers: the true reward of one rollout, where it can be had. READ FIRST: verdicts.py, then one file a domain.

math_verifier.py      an equal value (answers/mathematics of the service, in processes that are killed when they hang)
choice_verifier.py    the letter of the choice
code_verifier.py      tests, run against the program in the sandbox
text_verifier.py      exact or normalised match with a reference
external_verifier.py  a command or a URL: an expert queue, a judge, a checker of your own

A verifier says right, wrong or cannot say. It never guesses: what it could not find out is cannot say, with the reason.
"""

__all__ = ["choose", "code_verifier", "verdicts"]
