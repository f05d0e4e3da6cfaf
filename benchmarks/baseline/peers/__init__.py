"""Reference networks in PyTorch, trained as the plain RNN is: nn.LSTM, nn.GRU, minGRU, nn.RNN."""
