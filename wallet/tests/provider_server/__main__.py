"""Runs as a process on loopback: prints its address, serves until it is ended."""

import sys
import threading

from wallet.tests.provider_server.server import provider_server


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with provider_server(port) as provider:
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
