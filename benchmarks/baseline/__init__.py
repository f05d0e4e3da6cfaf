"""What the network's bits per character stand beside: counts, compressors, nn.RNN with autograd."""
