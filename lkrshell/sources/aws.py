"""AWS Secrets Manager, and the parameters of Systems Manager (SSM), through boto3. Imported only when AWS is asked.

AWS's own tools decide who we are: a profile, SSO, a role, or variables. The address comes only from the settings: no
variable or file of AWS's tools can send the credentials elsewhere.
"""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from lkrshell.core import names
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.sources import base
from lkrshell.sources.base import FORBIDDEN, MISSING, Answer
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_AT_ONCE = {"secretsmanager": 20, "ssm": 10}  # keys that one request may ask for
# AWS gives the last error for a secret that is marked for deletion.
_GONE = ("ResourceNotFoundException", "ParameterNotFound", "InvalidRequestException")
_MOST_PAGES = 100


class Aws(base.WithoutLogin):
    """Secrets `PREFIX/PROVIDER/LABEL`, or parameters `/PREFIX/PROVIDER/LABEL`. With a field, the values are JSON."""

    def __init__(self, settings: Settings) -> None:
        self.name, self._settings = settings.name, settings
        self._service = settings.get("service")
        self.capabilities = frozenset((base.LISTS, base.WRITES, base.VERSIONS))
        proxy = settings.get("proxy")
        try:
            session = boto3.Session(
                profile_name=settings.get("profile") or None, region_name=settings.get("region") or None
            )
            self._client = session.client(
                self._service, endpoint_url=settings.get("address") or None,
                config=Config(
                    ignore_configured_endpoint_urls=True, connect_timeout=5, read_timeout=10,
                    retries={"max_attempts": 2}, proxies={"https": proxy} if proxy else {},
                ),
            )  # fmt: skip
        except BotoCoreError as error:
            raise self._trouble(error) from None

    def _place(self, name: str) -> str:
        parts = [self._settings.get("prefix").strip("/"), *name.split(":")]
        return "/" * (self._service == "ssm") + "/".join(part for part in parts if part)

    def _trouble(self, error: Exception) -> LkrError:
        """Says what went wrong, without any text of AWS's."""
        if isinstance(error, ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in ("ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"):
                return base.unreachable(self._settings, "does not accept your AWS login", "aws sso login, or renew it")
            if code.startswith("AccessDenied"):
                return base.refused(self._settings, "do this")
            return base.unreachable(self._settings, "returned an error that lkr does not know")
        if isinstance(error, NoCredentialsError) or "Credential" in type(error).__name__:
            return base.unreachable(
                self._settings, "finds no AWS login on this machine", "aws sso login, or aws configure"
            )
        words = {"NoRegionError": "needs a region", "ProfileNotFound": "names a profile that AWS's files do not have"}
        why = words.get(type(error).__name__, "does not answer")
        return base.unreachable(self._settings, why, f"see [sources.{self.name}] in config.toml")

    def read(self, names: list[str], leases: "Mapping[str, str]") -> dict[str, Answer]:
        places = {self._place(name): name for name in names}
        found: dict[str, Answer] = {}
        at_once, every = _AT_ONCE[self._service], list(places)
        try:
            for first in range(0, len(every), at_once):
                some = every[first : first + at_once]
                answers = self._secrets(some) if self._service == "secretsmanager" else self._parameters(some)
                found |= {places[place]: answer for place, answer in answers.items() if place in places}
        except (BotoCoreError, ClientError) as error:
            raise self._trouble(error) from None
        return {name: found.get(name) or Answer(None, why=MISSING) for name in names}

    def _secrets(self, some: list[str]) -> dict[str, Answer]:
        """Reads secrets in one request, or one by one when the batch call is not allowed."""
        try:
            batch = self._client.batch_get_secret_value(SecretIdList=some)
        except ClientError as error:
            if not str(error.response.get("Error", {}).get("Code", "")).startswith("AccessDenied"):
                raise
            return {place: self._secret(place) for place in some}
        found = {each["Name"]: self._answer(each["Name"], each, "SecretString") for each in batch["SecretValues"]}
        for problem in batch.get("Errors", ()):
            found[problem["SecretId"]] = self._without(str(problem.get("ErrorCode")))
        return found

    def _without(self, code: str) -> Answer:
        """Returns the answer for a key that AWS did not give, from its error code."""
        if code in _GONE:
            return Answer(None, why=MISSING)
        if code.startswith("AccessDenied"):
            return Answer(None, why=FORBIDDEN)
        return Answer(None, error=base.unreachable(self._settings, "returned an error that lkr does not know"))

    def _secret(self, place: str) -> Answer:
        try:
            each = self._client.get_secret_value(SecretId=place)
        except ClientError as error:
            return self._without(str(error.response.get("Error", {}).get("Code", "")))
        return self._answer(place, each, "SecretString")

    def _parameters(self, some: list[str]) -> dict[str, Answer]:
        batch = self._client.get_parameters(Names=some, WithDecryption=True)
        return {each["Name"]: self._answer(each["Name"], each, "Value") for each in batch["Parameters"]}

    def _answer(self, place: str, each: "Mapping[str, Any]", field: str) -> Answer:
        name = ":".join(place.split("/")[-2:])
        try:
            if each.get("Name") != place:
                raise base.unreachable(self._settings, f"returned another key for {name}")
            value = each.get(field)
            if own := self._settings.get("field"):
                value = json.loads(str(value))[own]
            return Answer(base.checked(self._settings, name, value), str(each.get("VersionId") or each.get("Version")))
        except (ValueError, KeyError, TypeError):
            return Answer(None, error=base.unreachable(self._settings, f"has no field {own} for {name}"))
        except LkrError as error:
            return Answer(None, error=error)

    def write(self, name: str, value: Secret) -> None:
        place, text = self._place(name), value.reveal()
        if self._settings.get("field"):
            raise base.cannot(self._settings, "write one field of a JSON value")
        try:
            if self._service == "ssm":
                self._client.put_parameter(Name=place, Value=text, Type="SecureString", Overwrite=True)
                return
            try:
                self._client.put_secret_value(SecretId=place, SecretString=text)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in _GONE:
                    raise
                self._client.create_secret(Name=place, SecretString=text)
        except (BotoCoreError, ClientError) as error:
            raise self._trouble(error) from None

    def remove(self, name: str) -> None:
        try:
            if self._service == "ssm":
                self._client.delete_parameter(Name=self._place(name))
            else:
                self._client.delete_secret(SecretId=self._place(name))
        except (BotoCoreError, ClientError) as error:
            raise self._trouble(error) from None

    def previous(self, name: str) -> Secret | None:
        place = self._place(name)
        try:
            if self._service == "ssm":
                rows = self._client.get_parameter_history(Name=place, WithDecryption=True)["Parameters"]
                value = rows[-2]["Value"] if len(rows) > 1 else None
            else:
                value = self._client.get_secret_value(SecretId=place, VersionStage="AWSPREVIOUS")["SecretString"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                return None
            raise self._trouble(error) from None
        except (BotoCoreError, KeyError) as error:
            raise self._trouble(error) from None
        return None if value is None else base.checked(self._settings, name, value)

    def names(self) -> list[str]:
        ssm, prefix = self._service == "ssm", self._settings.get("prefix").strip("/")
        start = "/" * ssm + (f"{prefix}/" if prefix else "")
        action, field = ("describe_parameters", "Parameters") if ssm else ("list_secrets", "SecretList")
        found: list[str] = []
        try:
            for number, page in enumerate(self._client.get_paginator(action).paginate()):
                found += [each["Name"] for each in page[field] if each["Name"].startswith(start)]
                if number > _MOST_PAGES:
                    break
        except (BotoCoreError, ClientError) as error:
            raise self._trouble(error) from None
        keys = (each.removeprefix(start).replace("/", ":", 1) for each in found)
        return sorted(key for key in keys if names.is_own(key))
