"""Who changed what, when, from what to what: written by the database, and never again."""
