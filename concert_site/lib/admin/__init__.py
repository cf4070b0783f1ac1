"""What the apps' admins share."""
