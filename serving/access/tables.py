"""The tables about access: keys, sessions, what was done, and which model version answers. See `serving.database`.

No secret is stored: of a key and of a session there is the SHA-256 alone, which is enough for random secrets of 256 bits.
`audit_log` and `promotions` are append-only, and triggers in the database see to it.
"""

from typing import Final

import sqlalchemy as sa

from serving.database import METADATA

API_KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("old_hash", sa.Text),
    sa.Column("old_until", sa.BigInteger),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
)
"""`old_hash` is the secret before the last rotation, which is valid until `old_until`; see `serving.access.keys`."""

SESSIONS: Final = sa.Table(
    "sessions",
    METADATA,
    sa.Column("session_hash", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index("sessions_by_key", "key_id"),
)
"""`proof` is the hash of the secret that was shown at the login: the session ends with it. See `serving.access.sessions`."""

AUDIT_LOG: Final = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("row_hash", sa.Text, nullable=False),
)
"""What was done, each row with the hash of the row before; see `serving.access.audit_log`."""

PROMOTIONS: Final = sa.Table(
    "promotions",
    METADATA,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("promoted_at", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("gate", sa.Text),
)
"""Which version answered from when on; the highest revision of a target counts. See `serving.registry.promotions`."""
