"""What the pages of docs/ need while the site is built: formulas, numbers, drawings, docstrings."""
