"""The project's own network: oracles for its gradient, error bounds, and lockstep comparison."""
