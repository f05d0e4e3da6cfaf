"""Tests of bptt/verify/certify/."""
