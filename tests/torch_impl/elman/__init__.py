"""Tests of torch_impl/elman/."""
