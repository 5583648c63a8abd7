"""Why two wheels differ: reading, comparing and diagnosing wheels."""
