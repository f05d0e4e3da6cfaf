"""The verifier of any hand-written gradient; problem.py describes its input."""
