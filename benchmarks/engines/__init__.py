"""Who is compared: one class an engine, each imported in a worker process of its own only."""
