"""The journal: scores and forecasts that were issued."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBERED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _scores()
    _takes()
    _forecasts()


def downgrade() -> None:
    for table in ("forecasts", "score_takes", "scores"):
        op.drop_table(table)


def _scores() -> None:
    op.create_table(
        "scores",
        sa.Column("entry", NUMBERED, primary_key=True),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("signals_sha256", sa.Text),
        sa.Column("owner_id", sa.Text),
        sa.Column("asked_by", sa.Text),
        *(sa.Column(name, sa.Double) for name in ("p_won_this_quarter", "p_won_next_quarter", "p_won", "p_lost", "p_leaves")),
        sa.Column("value", sa.Double),
        sa.Column("expected_value", sa.Double),
        sa.Column("reason", sa.Text),
        sa.Column("answer", sa.Text),
        sa.UniqueConstraint("target", "record_id", "as_of", "model_version", "revision", "asked", name="scores_once"),
    )
    op.create_index("scores_by_issue", "scores", ["issued_at"])
    op.create_index("scores_by_as_of", "scores", ["as_of"])


def _takes() -> None:
    op.create_table(
        "score_takes",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model_version", sa.Text, primary_key=True),
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("n_records", sa.BigInteger),
        sa.Column("n_rows", sa.BigInteger),
    )
    op.create_index("score_takes_by_as_of", "score_takes", ["as_of"])


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        sa.Column("entry", NUMBERED, primary_key=True),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("dimension", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("as_of_day", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text),
        *(sa.Column(name, sa.Double) for name in ("mean", "median", "plan", "p_plan")),
        sa.Column("answer", sa.Text),
        sa.UniqueConstraint("period", "dimension", "node", "as_of_day", "revision", "model_version", name="forecasts_once"),
    )
    op.create_index("forecasts_by_issue", "forecasts", ["issued_at"])
