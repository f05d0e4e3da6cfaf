"""Training in two processes against one."""
