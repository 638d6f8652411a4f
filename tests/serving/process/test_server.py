"""The interpreter of a process that answers while it scores."""

import gc
import sys

from serving.process import server


def test_what_was_imported_is_no_longer_gone_through_for_garbage() -> None:
    before = sys.getswitchinterval()
    try:
        server.tune()
        assert sys.getswitchinterval() < before
        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
