"""The properties that the project promises."""
