"""What is timed: training, layers, sampling, growth, cold starts."""
