"""Programs that take minutes to hours, and small parts of them as tests."""
