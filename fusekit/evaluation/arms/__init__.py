"""Arms beside each other: pairs, differences, contribution, subgroups."""
