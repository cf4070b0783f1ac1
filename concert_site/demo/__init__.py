"""What `make demo` shows: four concerts, a crowd that has been busy, and two logins to try."""
