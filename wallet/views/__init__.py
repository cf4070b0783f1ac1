"""Pages of the wallet, and of money on its way to it."""
