"""Builds that show which variation causes a difference, and which remedy repairs it."""
