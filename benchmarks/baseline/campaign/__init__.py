"""The campaign for the record: searches with equal budgets, finalists, and the table as data."""
