"""Pages to teach with: one HTML file each, which loads nothing from anywhere."""
