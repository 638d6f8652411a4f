"""Keys and the audit log, as the API shows and takes them. Instants carry an offset; a secret is in one answer only."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from serving.access.auth import Scope
from serving.access.keys import LONGEST_NAME
from serving.schemas import Label, Request

LONGEST_OVERLAP: float = 90.0
LONGEST_DAYS: float = 3650.0
Days = Annotated[float, Field(strict=True, gt=0, le=LONGEST_DAYS)]


class KeyRequest(Request):
    """What a new key is to be."""

    name: Annotated[Label, Field(min_length=1, max_length=LONGEST_NAME)] = Field(
        description="What it is for, for people.", examples=["CRM production"]
    )
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=4,
        description="What it may be used for.",
        examples=[["read", "score"]],
    )
    user_id: Label | None = Field(
        default=None, description="A person of the CRM: the holder sees this person's subtree only. null: everything."
    )
    expires_in_days: Days | None = Field(default=None, description="After how many days it expires. null: never.", examples=[365])


class RotateRequest(Request):
    overlap_days: float = Field(
        default=7.0,
        strict=True,
        ge=0,
        le=LONGEST_OVERLAP,
        description="For how many days the secret before stays valid, 0 to 90.",
    )


class Key(BaseModel):
    """A key, without its secret."""

    key_id: str = Field(description="The part of the key that is no secret.", examples=["k3q7m2xw5r"])
    name: str = Field(description="What it is for.", examples=["CRM production"])
    scopes: list[Scope] = Field(description="What it may be used for.")
    user_id: str | None = Field(description="The person whose subtree the holder sees; null: everything.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="From when on it opens nothing; null: never.")
    revoked_at: datetime | None = Field(description="When it was revoked; null: it was not.")
    old_valid_until: datetime | None = Field(description="Until when the secret before the last rotation is valid.")
    last_used_at: datetime | None = Field(description="When it was used last, to some minutes; null: never.")


class NewKey(Key):
    """A key with its secret, which is shown this once."""

    token: str = Field(description="The whole key. It is stored nowhere: keep it now.", examples=["dc_k3q7m2xw5r_…"])


class KeyList(BaseModel):
    items: list[Key] = Field(description="All keys that there ever were, the oldest first.")


class AuditQuery(Request):
    limit: int = Field(default=100, ge=1, le=1000, description="How many rows at most, 1 to 1,000.")
    before: int | None = Field(default=None, ge=1, le=2**62, description="Only rows before this number: `next_before`.")
    action: Label | None = Field(default=None, description="Only rows of this action.", examples=["key.created"])


class AuditRow(BaseModel):
    """Something that was done."""

    number: int = Field(description="Counts up from 1 without a gap.")
    at: datetime = Field(description="When.")
    who: str = Field(description="The id of the key, `environment`, `cli:` and a name, or `nobody`.", examples=["k3q7m2xw5r"])
    action: str = Field(description="What was done.", examples=["key.revoked"])
    target: str = Field(description="To what.", examples=["m4x2p7qa6z"])
    details: dict[str, Any] = Field(description="What else there is to say; never a secret.")
    request_id: str | None = Field(description="The id of the request; null on the command line.")
    address: str | None = Field(description="The network address that it came from; null on the command line.")
    row_hash: str = Field(description="SHA-256 of the row and of the hash of the row before.")


class AuditList(BaseModel):
    items: list[AuditRow] = Field(description="The newest first.")
    next_before: int | None = Field(description="`before` of the next page; null on the last.")
