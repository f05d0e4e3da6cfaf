"""Tests of bptt/text/."""
