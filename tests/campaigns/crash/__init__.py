"""Campaigns on crashes, failing calls and stops: no run is lost, all end in the same bytes."""
