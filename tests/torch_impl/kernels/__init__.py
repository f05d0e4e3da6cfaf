"""Tests of torch_impl/kernels/."""
