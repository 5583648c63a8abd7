"""The store of records, and what follows from records."""
