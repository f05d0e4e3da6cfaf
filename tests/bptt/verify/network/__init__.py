"""Tests of bptt/verify/network/, and of every engine's gradient with it."""
