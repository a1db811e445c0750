"""An online school that never was: its events, for `analytics demo` and for trying things out.

Everything follows from a seed. A learner's whole story depends on the seed, the day they first came and their number on that day, and on
nothing else: two runs a week apart make the same events, with the same ids, for the days they share.
"""
