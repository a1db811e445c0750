"""Whether the time of a refused sign-in tells that somebody has an account.

    python -m benchmarks.sign_in [--samples 2000] [--quick]

Three kinds of names are tried with a wrong password, one request at a time, in an order shuffled anew for each round, so that a drift of
the machine meets all alike: names of people, names of people who are shut out, and names of nobody. Each try comes from an address of its
own (X-Forwarded-For, which the service believes of this machine) and no name is tried more than 15 times, so the brake holds none up.

Known and unknown are compared by the Mann-Whitney test: `p` is how often chance alone makes two samples of one distribution differ as much,
`auc` how often a try of a known name takes longer than one of an unknown name (0.5: as often as not, and all that one try tells). `seen` is
the shift that this many samples would have shown with the same p; a difference below it may be there. Ends with code 1 if p < 0.01.
"""

import argparse
import math
import random
import sys
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import command, keep, machine
from benchmarks.service import Service, fresh_service

SIGNIFICANT = 0.01
TRIES_A_NAME = 15  # the brake lets 20 pass from wherever they come
WARM_UP = 100
PASSWORD = "correct horse battery"
Seconds = NDArray[np.float64]
_addresses = count(1)


@dataclass(frozen=True)
class Comparison:
    """Two samples of seconds: `auc` is the share of pairs in which the first is the longer, `seen_seconds` the shift that would be seen."""

    p: float
    auc: float
    seen_seconds: float


def mann_whitney(first: Seconds, second: Seconds) -> tuple[float, float]:
    """Two-sided p by the normal approximation with ties, and the share of pairs in which `first` is greater (ties count half)."""
    both = np.concatenate([first, second])
    values, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]  # equal values share the mean of their ranks
    n, m = len(first), len(second)
    wins = float(ranks[:n].sum()) - n * (n + 1) / 2
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / ((n + m) * (n + m - 1))
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties))
    auc = wins / (n * m)
    if len(values) == 1:
        return 1.0, auc
    distance = max(0.0, abs(wins - n * m / 2) - 0.5) / spread
    return math.erfc(distance / math.sqrt(2)), auc


def compare(known: Seconds, unknown: Seconds) -> Comparison:
    """The test, and by how much `known` would have to be longer than `unknown` to be told apart with p < SIGNIFICANT."""
    p, auc = mann_whitney(known, unknown)
    level = known - (np.median(known) - np.median(unknown))  # as if there were no difference
    low, high = 0.0, float(np.ptp(np.concatenate([level, unknown]))) + 1e-9
    for _ in range(40):
        middle = (low + high) / 2
        if mann_whitney(level + middle, unknown)[0] < SIGNIFICANT:
            high = middle
        else:
            low = middle
    return Comparison(p, auc, high)


class SignIns:
    """Tries to sign in, and what they need."""

    def __init__(self, service: Service, names: int) -> None:
        self._client = httpx.Client(base_url=service.url, timeout=60)
        owner = {"Authorization": f"Bearer {service._signed_in()}"}
        self.names: dict[str, list[str]] = {}
        for kind in ("known", "disabled", "unknown"):
            # Addresses of one length and form: nothing but whether they are there tells them apart.
            self.names[kind] = [f"person-{random.getrandbits(64):016x}@example.org" for _ in range(names)]
        for kind in ("known", "disabled"):
            for email in self.names[kind]:
                self._post("/v1/users", owner, {"email": email, "password": PASSWORD})
                if kind == "disabled":
                    self._client.patch(f"/v1/users/{email}", headers=owner, json={"disabled": True}).raise_for_status()

    def seconds(self, email: str) -> float:
        """One refused try."""
        number = next(_addresses)
        place = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        form = {"username": email, "password": "not the password"}
        began = time.perf_counter()
        answer = self._client.post("/v1/auth/token", data=form, headers={"X-Forwarded-For": place})
        taken = time.perf_counter() - began
        if answer.status_code != 401:
            raise RuntimeError(f"a wrong password was answered {answer.status_code}: {answer.text[:300]}")
        return taken

    def _post(self, path: str, owner: dict[str, str], body: dict[str, Any]) -> None:
        self._client.post(path, headers=owner, json=body).raise_for_status()


def measure(service: Service, samples: int) -> dict[str, Seconds]:
    """Seconds of `samples` refused tries of each kind of name, interleaved."""
    tries = SignIns(service, names=math.ceil((samples + WARM_UP) / TRIES_A_NAME))
    taken: dict[str, list[float]] = {kind: [] for kind in tries.names}
    for number in range(WARM_UP + samples):
        for kind in random.sample(list(taken), len(taken)):
            names = tries.names[kind]
            taken[kind].append(tries.seconds(names[number % len(names)]))
    return {kind: np.array(values[WARM_UP:]) for kind, values in taken.items()}


def main() -> int:
    """Run it; the exit code is 1 if known and unknown names were told apart."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sign_in", description=__doc__.split("\n\n")[0])
    parser.add_argument("--samples", type=int, default=2_000, help="tries of each kind of name")
    parser.add_argument("--quick", action="store_true", help="200 tries")
    options = parser.parse_args()
    samples = min(options.samples, 200) if options.quick else options.samples
    where = machine()
    print(f"{command()}\n{where}", flush=True)
    with fresh_service() as service:
        taken = measure(service, samples)
    print(f"\n{samples} refused tries of each kind\n{'name':10} {'median ms':>10} {'p10':>8} {'p90':>8} {'p':>8} {'auc':>7} {'seen us':>9}")
    told: dict[str, Any] = {}
    for kind, seconds in taken.items():
        low, median, high = (1000 * float(value) for value in np.quantile(seconds, [0.1, 0.5, 0.9]))
        line = f"{kind:10} {median:10.3f} {low:8.3f} {high:8.3f}"
        told[kind] = {"median_ms": round(median, 3), "p10_ms": round(low, 3), "p90_ms": round(high, 3)}
        if kind != "unknown":
            found = compare(seconds, taken["unknown"])
            line += f" {found.p:8.4f} {found.auc:7.4f} {1e6 * found.seen_seconds:9.1f}"
            told[kind] |= {"p": round(found.p, 5), "auc": round(found.auc, 4), "seen_us": round(1e6 * found.seen_seconds, 1)}
        print(line)
    apart = [kind for kind, figures in told.items() if figures.get("p", 1.0) < SIGNIFICANT]
    print(f"told apart from unknown names: {', '.join(apart) or 'none'}")
    path = keep("sign-in-quick" if options.quick else "sign-in", {"machine": where, "samples": samples, **told, "told_apart": apart})
    print(f"kept in {path.relative_to(path.parents[2])}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
