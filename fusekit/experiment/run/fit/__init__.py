"""What is fitted on a fold's training subjects: a network, several, a baseline, or both."""
