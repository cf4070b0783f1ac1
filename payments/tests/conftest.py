"""What the tests of payments by card share with the wallet's: providers."""

from wallet.tests.conftest import card, running_provider, server

__all__ = ["card", "running_provider", "server"]
