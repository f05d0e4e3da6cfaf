"""Compare a backward pass in a lower precision with itself in float64, at the rounded inputs."""
