"""Tests of bptt/pages/."""
