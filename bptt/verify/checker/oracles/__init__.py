"""What the gradient should be, and how far each oracle can be off."""
