"""From tensors to logits."""
