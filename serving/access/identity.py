"""Who a person is, when they log in and on every page after that: the one place to put another way of logging in.

`KeyHolders` takes a key, and the person is its holder. OpenID Connect fits in the same place: `identify` would trade the code
that the provider sent back for an ID token, check issuer, audience, nonce and expiry (Authlib does both), and map the subject
to scopes and to a user_id of the CRM; `still` would say whether that subject is still let in. `Sessions` and the pages do not
change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from serving.access import keys
from serving.access.auth import Caller
from serving.access.keyring import KeyRing
from serving.errors import ProblemError


@dataclass(frozen=True)
class Identity:
    """A person who has shown who they are.

    subject  the stable name of whoever it is
    proof    what they showed, as a hash: their session ends when it is worth nothing any more
    """

    subject: str
    proof: str
    caller: Caller


class IdentityProvider(Protocol):
    """Says who somebody is."""

    async def identify(self, form: Mapping[str, str]) -> Identity:
        """From what a login sends. Raises ProblemError 401 for nobody, NotReadyError where that cannot be known."""
        ...

    async def still(self, subject: str, proof: str) -> Caller | None:
        """What they may now, None where they are not let in any more. Raises NotReadyError where that cannot be known."""
        ...


class KeyHolders:
    """People are the holders of keys."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def identify(self, form: Mapping[str, str]) -> Identity:
        token = form.get("key", "").strip()
        caller = await self._ring.caller(token)
        return Identity(caller.key_id, keys.digest(token), caller)

    async def still(self, subject: str, proof: str) -> Caller | None:
        try:
            return await self._ring.holder(subject, proof)
        except ProblemError:
            return None
