"""Many jobs: planned, run side by side, with their effects."""
