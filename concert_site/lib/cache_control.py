"""What Cache-Control says of answers of one kind: whether, and how long, a browser or a cache may keep them."""

# One reader's own, as it is now.
PRIVATE = "private, no-store"
# What is under an address that changes with it.
FOR_EVER = "public, max-age=31536000, immutable"
# A map under its short address: whoever learns of another version asks for that one.
LASTING = "public, max-age=3600, stale-while-revalidate=86400"
