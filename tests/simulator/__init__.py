"""The parts of simulate_case.py: what to plant and how to write it."""
