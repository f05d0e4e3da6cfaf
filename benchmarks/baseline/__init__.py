"""Baselines for the network's bits per character: n-grams, compressors, nn.RNN with autograd."""
