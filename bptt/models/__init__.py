"""Trained networks for use elsewhere: in Python, and in PyTorch."""
