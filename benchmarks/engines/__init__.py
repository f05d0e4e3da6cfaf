"""The compared engines: one class each, imported only in the engine's own worker process."""
