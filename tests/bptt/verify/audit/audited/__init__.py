"""Test files to be audited; they are copied away from this project's own settings of pytest."""
