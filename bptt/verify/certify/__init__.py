"""Intervals that provably contain the exact gradient, and certified digits."""
