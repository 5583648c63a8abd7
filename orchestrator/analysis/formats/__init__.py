"""Parsers: they split members of wheels into named tokens that can be compared."""
