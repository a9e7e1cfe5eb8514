"""Everything that `benchmarks/RESULTS.md` shows, one after the other: `make bench`. About 25 minutes on 2 cores."""

import subprocess
import sys
import time

RUNS = (
    ("(a) journey job against plain Faust", "journey_job", "--events", "1000000", "--plain", "40000"),
    ("(b) the whole flow", "flow", "--events", "600000", "--runs", "3"),
    ("(c) enrich alone", "enrich"),
    ("(c) journey alone", "rules"),
    ("(c) outreach alone", "decide"),
    ("(c) deliver", "deliver", "--agent"),
    ("(c) warehouse alone", "warehouse"),
    ("(c) embedded parts", "embedded"),
    ("what analysts ask", "analysts"),
    ("(d) latency", "latency", "--runs", "2"),
    ("(e) the API", "api"),
    ("memory and recovery", "recovery"),
)


def main() -> int:
    """Runs each as its own process, so that none leaves anything behind for the next."""
    failed = 0
    for title, module, *options in RUNS:
        print(f"\n== {title}: python -m benchmarks.{module} {' '.join(options)}", flush=True)
        begun = time.perf_counter()
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *options], check=False).returncode != 0
        print(f"   ({time.perf_counter() - begun:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
