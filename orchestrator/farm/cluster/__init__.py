"""Many machines: jobs go out to Dask workers as values, and results come back with their files."""
