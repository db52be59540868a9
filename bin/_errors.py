#!/usr/bin/env python3
"""The one kind of error that a user can mend: its text is a sentence with the file, what is wrong and what to do."""


class InputError(Exception):
    """What was given cannot be used. The commands print the sentence alone and end with exit status 1."""
