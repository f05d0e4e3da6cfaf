"""The audit of tests: what is planted, how it is searched, and what the command says."""
