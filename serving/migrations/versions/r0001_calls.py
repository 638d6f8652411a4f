"""What people expect of deals and periods."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("scope_id", sa.Text, nullable=False),
        sa.Column("period", sa.Text),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("day", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("model_value", sa.Double),
        sa.Column("model_day", sa.Text),
        sa.Column("model_version", sa.Text),
    )
    op.create_index("calls_by_scope", "calls", ["scope", "scope_id", "made_at"])


def downgrade() -> None:
    op.drop_table("calls")
