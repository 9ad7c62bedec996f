"""Images of a download, in each layout that the archive and Clinica write."""
