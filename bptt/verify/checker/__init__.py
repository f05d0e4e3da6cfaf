"""Any hand-written gradient, found right or wrong; see problem.py for what to give."""
