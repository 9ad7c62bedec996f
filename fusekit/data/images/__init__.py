"""What an image file says and what it means: volumes, pictures, DICOM series, masks."""
