"""Tests of bptt/sessions/ and the runs that they leave."""
