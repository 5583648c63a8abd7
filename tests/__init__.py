"""The tests: each module's own, and the servers that they share."""
