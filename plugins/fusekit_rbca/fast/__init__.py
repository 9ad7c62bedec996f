"""RBCA's operations fused into one autograd function: the same numbers, fewer maps."""
