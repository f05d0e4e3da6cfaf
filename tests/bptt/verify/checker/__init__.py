"""Tests of bptt/verify/checker/."""
