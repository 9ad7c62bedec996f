"""What protects a training: checkpoints, the best epoch, losses that are no numbers, signals."""
