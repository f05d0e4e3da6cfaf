"""What engines are asked to compute, and the oracles for it."""
