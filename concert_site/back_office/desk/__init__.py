"""The help desk: one search for everything, a page of a booking and one of a fan, and what staff do for them."""
