"""Lower bounds for the time of a workload on this machine."""
