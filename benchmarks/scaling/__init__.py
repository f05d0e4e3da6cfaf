"""The speed of training in several processes compared with one."""
