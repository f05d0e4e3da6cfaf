"""Intervals that are proved to hold the true gradient."""
