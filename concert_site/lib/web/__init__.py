"""What requests and pages share, with DRF or without."""
