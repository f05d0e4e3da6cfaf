"""Compiled building blocks of the training engine (`fast`) and the recurrent layer (`elman`)."""
