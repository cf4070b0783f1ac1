"""Money that one member of staff may not move alone: ceilings, and the second person who confirms."""
