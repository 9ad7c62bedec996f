"""From folders to tensors."""
