"""Tests of bptt/verify/backward/."""
