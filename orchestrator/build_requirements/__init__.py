"""Build requirements: resolved, fetched, installed."""
