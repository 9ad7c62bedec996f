"""DICOM: files, headers, slices, volumes and pictures."""
