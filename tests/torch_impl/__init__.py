"""Tests of torch_impl/."""
