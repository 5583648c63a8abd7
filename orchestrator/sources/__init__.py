"""Sources of packages: the package index, and sdists."""
