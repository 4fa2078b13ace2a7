"""Which of the options of a query an answer names. READ FIRST keys.py."""
