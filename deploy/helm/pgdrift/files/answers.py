"""Asks a running pgdrift whether it watches what it was told to: `helm test` runs this.

In come its address and the names of environments. It ends with 0, or with what is not so.
"""

import json
import sys
import time
import urllib.error
import urllib.request


def answer(address: str, tries: int = 30) -> str:
    """Return what an address answers; a daemon that has only begun gets a minute."""
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(address, timeout=10) as found:
                return found.read().decode()
        except OSError as error:
            if not left:
                sys.exit(f"{address}: {error}; see the log of the daemon")
        time.sleep(2)
    raise AssertionError("no try")


base, *environments = sys.argv[1:]
answer(f"{base}/readyz")
if "\npgdrift_build_info{" not in answer(f"{base}/metrics", 1):
    sys.exit(f"{base}/metrics: no pgdrift_build_info; is it pgdrift that answers?")
known = {
    e["name"]: e["outcome"] for e in json.loads(answer(f"{base}/api/v1/status", 1))["environments"]
}
if missing := sorted(set(environments) - set(known)):
    sys.exit(f"does not watch {', '.join(missing)}: was the last configuration refused?")
print("watches", known or "nothing yet")
