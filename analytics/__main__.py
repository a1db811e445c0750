"""`python -m analytics` is the command `analytics`."""

from analytics.cli.main import main

main(prog_name="analytics")
