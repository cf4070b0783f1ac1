"""Running the site: its periodic work, whether it runs well, and what checks it."""
