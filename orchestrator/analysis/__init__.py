"""Two wheels, and why they differ: reading, comparing, diagnosing."""
