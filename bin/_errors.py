#!/usr/bin/env python3
"""What a user is told: the one kind of error, whose text says the file, what is wrong and what to do, and notes beside warnings."""


class InputError(Exception):
    """What was given cannot be used. The commands print the sentence alone and end with exit status 1."""


class Note(str):
    """A remark among warnings (text) on something that is normal in good data: it is written, and warns of nothing."""
