"""From a volume to the pixels that a network reads."""
