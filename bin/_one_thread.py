#!/usr/bin/env python3
"""Numeric libraries take one thread: same sums in the same order, hence same results. To be imported before numpy."""

import os

for library in ("OMP", "OPENBLAS", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
