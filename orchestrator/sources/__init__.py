"""Where sources come from: the package index, and sdists."""
