"""PyTorch implementations of the network; `fast` is the compiled CPU engine."""
