"""What every trainer adapter shares: the connection, the outcomes of a group, the text of a query."""
