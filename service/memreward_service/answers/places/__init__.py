"""Where the final answer of a response stands: a table of rules, and what they look for. READ FIRST rules.py."""
