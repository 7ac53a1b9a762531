"""Network cameras and the JPEG pictures that they make."""
