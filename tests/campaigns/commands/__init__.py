"""Every command that a page shows, run as a reader runs it."""
