"""Training, one iteration at a time: the loop, and each thing that can be set about it."""
