"""A run carried out: begun, trained, stopped, resumed, finished."""
