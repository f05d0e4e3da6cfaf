"""The measurement: engines in separate processes, timed in rounds."""
