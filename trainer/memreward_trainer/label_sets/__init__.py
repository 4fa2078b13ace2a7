"""Which queries of a data set get labels."""
