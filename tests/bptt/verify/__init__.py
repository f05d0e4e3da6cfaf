"""Tests of bptt/verify/."""
