"""Settings of one installation: read once from `DEALCAST_…` variables, then `dealcast.toml`, then the defaults.

Everything that Dealcast writes lies below one folder, `home`, unless a URL says otherwise. What belongs to the organisation (its
time zone, fiscal year, currency) is not here: it travels with the data, as `features.organisation.Organisation`.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from features.errors import UsageError

Language = Literal["en", "ru"]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
SECRETS: Final = frozenset({"api_key", "store_url", "tracking_uri"})
SHORTEST_KEY: Final = 16
PLACEHOLDERS: Final = ("changeme", "change-me", "default", "dealcast", "example", "password", "secret", "your-key", "your_key")
NEW_KEY: Final = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


def _below_home(file: str) -> Any:
    """A default that depends on `home`: an SQLite file inside it."""
    return Field(default_factory=lambda settings: f"sqlite:///{settings['home'] / file}")


class SecretFiles(PydanticBaseSettingsSource):
    """`DEALCAST_API_KEY_FILE` and the like name a file whose content is the value, as container platforms mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        variable = f"DEALCAST_{field_name.upper()}"
        path = os.environ.get(f"{variable}_FILE")
        if field_name not in SECRETS or path is None:
            return None, field_name, False
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"{variable}_FILE cannot be read: {getattr(error, 'strerror', None) or 'not a text'}") from None
        if os.environ.get(variable, value) != value:
            raise UsageError(f"{variable} and {variable}_FILE are both set, to different values; keep one")
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class WriteBack(BaseModel):
    """What one CRM calls things; see docs/write-back.md.

    object    the kind of record that is written to
    id_field  the field that tells records apart
    fields    value -> the field that takes it; an empty name leaves the value out
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    object: str = ""
    id_field: str = ""
    fields: dict[str, str] = {}


class Settings(BaseSettings):
    """Typed and frozen; paths are absolute.

    home                   the one folder that holds store, registry, artefacts and cache
    store_url              SQLAlchemy URL of the store
    tracking_uri           MLflow tracking URI, which is the model registry as well
    host, port             where `dealcast serve` listens
    api_key                a key with every scope, for the first set-up; may be left out where the database holds an admin's key
    demo                   demo mode: no key needed, loopback only
    rate_limit             requests a second that one key may make in the long run; 0, or in demo mode: as many as it likes
    rate_burst             requests that it may make at once after a silence
    at_once                requests that a worker answers at once; others wait for a moment, then get 503
    scoring_at_once        the same for posted deals, which are answered together
    otel_endpoint          where traces are sent, as OTLP over HTTP; none are made without it (needs the extra `otel`)
    log_level              debug, info, warning or error
    log_style              json: one object a line; text: readable; auto: text where stderr is a terminal
    language               of the page, where the browser asks for neither English nor Russian
    grade_limits           the least P(won within 90 days) of the grades A, B and C, falling; below them is D
    write_back             for each preset of /v1/write-back: `object`, `id_field` and `fields`, a table of value = "field name"
    goals_file             a TOML file with goals, beside those of the plans
    threads                threads that one model uses, 1 to 64
    workers                processes that answer requests, 1 to 64
    drain_seconds          how long requests are still taken after SIGTERM, while /readyz says 503 already, in seconds
    hang_seconds           how long a worker may give no sign of life before it is replaced, with more than one worker, in seconds
    poll_seconds           how often the server looks whether data or champion changed, in seconds
    registry_poll_seconds  how often it asks the registry for another champion, in seconds
    journal_days           for how many days issued scores and forecasts are kept
    journal_step           a chance in the lists that moved by less than this, 0 to 0.1, is not recorded anew
    spool_megabytes        how much of the journal waits below home while the database is down
    spool_full             what then happens to a full spool: refuse new scores, or drop_oldest

    api_key, store_url and tracking_uri can stand in a file instead, which DEALCAST_API_KEY_FILE and so on name.
    """

    model_config = SettingsConfigDict(
        env_prefix="DEALCAST_", toml_file="dealcast.toml", extra="forbid", frozen=True, validate_default=True
    )

    home: Path = Path(".dealcast")
    store_url: str = _below_home("store.db")
    tracking_uri: str = _below_home("mlflow.db")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    api_key: SecretStr | None = None
    demo: bool = False
    rate_limit: float = Field(default=2000.0, ge=0, le=1e6)
    rate_burst: int = Field(default=4000, ge=1, le=1_000_000)
    at_once: int = Field(default=8, ge=1, le=1000)
    scoring_at_once: int = Field(default=64, ge=1, le=10_000)
    otel_endpoint: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_style: Literal["auto", "json", "text"] = "auto"
    language: Language = "en"
    grade_limits: tuple[float, float, float] = (0.6, 0.35, 0.15)
    write_back: dict[Literal["salesforce", "dynamics", "hubspot"], WriteBack] = {}
    goals_file: Path | None = None
    threads: int = Field(default=2, ge=1, le=64)
    workers: int = Field(default=1, ge=1, le=64)
    drain_seconds: float = Field(default=2.0, ge=0, le=300)
    hang_seconds: float = Field(default=30.0, ge=1, le=3600)
    poll_seconds: float = Field(default=0.3, gt=0)
    registry_poll_seconds: float = Field(default=300.0, gt=0)
    journal_days: int = Field(default=730, ge=30)
    journal_step: float = Field(default=0.01, ge=0, le=0.1)
    spool_megabytes: int = Field(default=100, ge=1, le=100_000)
    spool_full: Literal["refuse", "drop_oldest"] = "refuse"

    @field_validator("grade_limits", mode="after")
    @classmethod
    def _falling(cls, limits: tuple[float, float, float]) -> tuple[float, float, float]:
        if not 1 > limits[0] > limits[1] > limits[2] > 0:
            raise ValueError("give three probabilities that fall, such as 0.6, 0.35, 0.15")
        return limits

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def spool(self) -> Path:
        """Where rows of the journal wait while the database is down."""
        return self.home / "journal-spool"

    @property
    def keyless(self) -> bool:
        """Whether whoever reaches the server is answered: in demo mode, unless a key is set all the same."""
        return self.demo and self.api_key is None

    @property
    def store_cache(self) -> Path:
        """Where a fast copy of the store's current revision is kept."""
        return self.home / "cache" / "store"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, and the environment over the file. There is no `.env`."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, SecretFiles(settings_cls), TomlConfigSettingsSource(settings_cls))


def read(**flags: Any) -> Settings:
    """The settings of this process; `flags` are those given on the command line, None where they were not.

    Raises UsageError, naming the setting and never its value.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)]
        raise UsageError("The settings cannot be used:\n  " + "\n  ".join(lines)) from None
    except ValueError as error:  # TOMLDecodeError
        raise UsageError(f"dealcast.toml cannot be read: {error}") from None


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that make another process read the same settings; secrets travel so, never on a command line."""
    given = {name: _text(value) for name, value in settings if value is not None}
    return {f"DEALCAST_{name.upper()}": text for name, text in given.items()}


def secrets_of(settings: Settings) -> list[str]:
    """What must not be shown: keys, and the passwords in URLs."""
    keys = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return [secret for secret in (*keys, *map(password_of, (settings.store_url, settings.tracking_uri))) if secret]


def password_of(url: str) -> str:
    """The password in a URL, as it was meant; empty where there is none."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return json.dumps(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def origins(settings: Settings) -> dict[str, str]:
    """Where each setting that is not left at its default comes from: the environment, or dealcast.toml."""
    variables = {name.upper() for name in os.environ}
    found = {}
    for name in sorted(settings.model_fields_set):
        variable = f"DEALCAST_{name.upper()}"
        where = next((each for each in (variable, f"{variable}_FILE") if each in variables), "dealcast.toml")
        found[name] = where
    return found


def check_servable(settings: Settings, has_admin: Callable[[], bool] = lambda: False) -> None:
    """Refuse to serve data to whoever asks. Raises UsageError.

    `has_admin` says whether the database holds a key that can hand out others; then DEALCAST_API_KEY may be left out.
    """
    if settings.demo:
        if settings.host not in LOOPBACK:
            raise UsageError(f"Demo mode listens on this machine only; leave host at 127.0.0.1 (it is '{settings.host}').")
        return
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    if not key:
        if has_admin():
            return
        raise UsageError(
            "The server needs a key. Make one with 'dealcast keys create NAME --scope admin --scope read', "
            f"or set DEALCAST_API_KEY, for instance to the output of: {NEW_KEY}"
        )
    if len(key) < SHORTEST_KEY or any(word in key.lower() for word in PLACEHOLDERS):
        raise UsageError(
            f"DEALCAST_API_KEY is a placeholder, or shorter than {SHORTEST_KEY} characters. "
            f"Set it, for instance, to the output of: {NEW_KEY}"
        )
