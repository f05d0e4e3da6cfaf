"""An engine that isn't here is a line in the report, not a crash."""


class AbsentError(ImportError):
    """The engine can't be had on this machine; the message says what is missing."""
