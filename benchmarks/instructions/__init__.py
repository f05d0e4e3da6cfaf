"""Instructions per unit of work, counted in an emulator: figures without noise."""
