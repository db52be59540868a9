"""The parts of simulate_case.py: what to plant (case, programmes, receptors) and how to write it (counts, tenx)."""
