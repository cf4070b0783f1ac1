"""What the site has of one person: handed out to them, and taken away when they leave (docs/personal-data.md)."""
