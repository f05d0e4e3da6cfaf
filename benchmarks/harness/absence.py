"""The error for an engine that isn't available: it becomes a line in the report, not a crash."""


class AbsentError(ImportError):
    """The engine isn't available on this machine; the message says what is missing."""
