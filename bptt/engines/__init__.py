"""The gradient of one window, from any engine, in one process or several."""
