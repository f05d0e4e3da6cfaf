"""Plant errors into the backward pass that a test runs, and report the smallest that it sees."""
