"""What the views of DRF share."""
