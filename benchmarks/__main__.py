"""`make bench`: every benchmark, in about ten minutes; `make bench ARGS=--quick` in about three.

Ends with code 1 if a count was not exact.
"""

import subprocess
import sys


def main() -> int:
    """Run the benchmarks one after the other."""
    arguments = sys.argv[1:]
    code = 0
    for name, own in (("ingest", ["--only", "all"]), ("query", ["--events", "5000000", "--seconds", "30"])):
        code |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *own, *arguments], check=False).returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
