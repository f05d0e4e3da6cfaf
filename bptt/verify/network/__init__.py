"""The project's own network: oracles for its gradient, bounds on rounding, lockstep."""
