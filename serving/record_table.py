"""A track record as a table on the terminal."""

import math
from collections.abc import Sequence

from rich.table import Table

from training.track_record import COVERAGE, Gain, Record

LEGEND = (
    "WAPE: sum of errors over what came, 0 is perfect. Bias above 0: promised too much. Gains: the rival's WAPE less the "
    "model's, with a 95 % interval over periods."
)


def record_table(records: Sequence[Record], title: str) -> Table:
    """One row a lead: errors, how often the intervals held, and the gain over each rival with its interval."""
    rivals = list(dict.fromkeys(gain.rival for record in records for gain in record.gains))
    table = Table(title=title, caption=LEGEND, caption_justify="left")
    covered = [f"in {level} %" for level in COVERAGE]
    for column in ("days in", "periods", "WAPE", "bias", "pinball", *covered, *(f"gain over {_named(name)}" for name in rivals)):
        table.add_column(column, justify="right")
    for record in records:
        gains = {gain.rival: _gain(gain) for gain in record.gains}
        errors = (_figure(record.wape, ".1%"), _figure(record.bias, "+.1%"), _figure(record.pinball, ".3f"))
        held = (f"{share:.0%}" for share in record.coverage.values())
        table.add_row(f"{record.lead:g}", str(record.n), *errors, *held, *(gains.get(name, "no forecast") for name in rivals))
    return table


def _figure(value: float, how: str) -> str:
    """A share of what came; unknown where nothing did."""
    return "nothing came" if math.isnan(value) else format(value, how)


def _gain(gain: Gain) -> str:
    if math.isnan(gain.gain):
        return "nothing came"
    return f"{100 * gain.gain:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def _named(rival: str) -> str:
    return rival.replace("_", " ")
