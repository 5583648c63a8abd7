"""Parsers: members of wheels, taken apart into named places that can be compared."""
