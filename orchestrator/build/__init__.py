"""One build in one container."""
