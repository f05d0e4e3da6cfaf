"""Tests of torch_impl/fast/."""
