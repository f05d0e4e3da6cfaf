"""The report of a verification, and the diagnosis of an error."""
