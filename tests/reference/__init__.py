"""Tests of reference/."""
