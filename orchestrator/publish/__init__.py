"""Summary -> pages and files for others to read; all of it pure."""
