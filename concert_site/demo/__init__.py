"""What `make demo` shows: five concerts, a crowd that has been busy, and two logins to try."""
