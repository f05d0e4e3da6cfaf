"""A museum of bugs in published backward passes, and which gradient checker finds which."""
