"""The least time that a workload can take on this machine."""
