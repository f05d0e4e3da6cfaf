"""Tests of bptt/models/."""
