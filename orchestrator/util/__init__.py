"""What every part uses: the cache, retries, logs, limited calls."""
