"""The exhibits, in a room for each kind of bug."""
