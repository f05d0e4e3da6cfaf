"""Tests with the shapes and tolerances of public ones, over backward passes of our own."""
