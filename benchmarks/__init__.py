"""Measurements of speed and accuracy on stated work. Each module prints a table; none is part of the tests."""
