"""What was found, said to a person or a program, and where the error lies."""
