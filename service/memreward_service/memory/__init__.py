"""The experience that predictions use: follows the store, indexes its queries, keeps their states."""
