"""What stands between the web server and Django: bodies, lanes, snapshots, and which handler a request gets."""
