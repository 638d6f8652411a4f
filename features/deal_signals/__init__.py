"""The deal signals group by group: each module turns a Snapshot and the asked rows into the columns of one group.

Kernels work on flat arrays, one entry a row of a log or a deal, and are cut to the asked rows at the end. What a source has no
column for is NaN, and so is a count over a window that reaches back before the first record of its table; 0 means none.
"""
