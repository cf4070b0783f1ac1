"""The house itself: who it is by law, and the pages that staff write."""
