"""The workloads that are timed: training, layers, sampling, growth, cold starts."""
