"""The kinds of value that settings are made of."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Foundation = Literal["on-premises", "aws", "azure", "gcp"]
Tier = Literal["development", "staging", "production"]
CLOUDS: tuple[Foundation, ...] = ("aws", "azure", "gcp")

MISFORMED = "misformed"


def misformed(problem: str, fix: str) -> PydanticCustomError:
    """Returns the error that a validator raises: what is wrong and what to do about it."""
    return PydanticCustomError(MISFORMED, "{problem}; fix: {fix}", {"problem": problem, "fix": fix})


@dataclass(frozen=True)
class On:
    """Marks a setting that only some foundations have.

    Attributes:
        foundations: Where the setting may be given.
        required: Whether it must be given there.
    """

    foundations: tuple[Foundation, ...]
    required: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(source)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = handler(schema)
        written["x-foundations"] = list(self.foundations)
        return written


@dataclass(frozen=True)
class Form:
    """Text of one form.

    Attributes:
        pattern: What the whole text must match.
        problem: What is wrong with text that does not.
        fix: How to write it.
        longest: Most characters that it may have.
    """

    pattern: str
    problem: str
    fix: str
    longest: int = 253

    def check(self, text: str) -> str:
        """Returns the text unchanged where it has the form."""
        if len(text) > self.longest:
            raise misformed(
                f"is longer than {self.longest} characters",
                f"shorten it by {len(text) - self.longest}",
            )
        if not re.fullmatch(self.pattern, text):
            raise misformed(self.problem, self.fix)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = handler(schema)
        written.update(pattern=f"^(?:{self.pattern})$", maxLength=self.longest)
        return written


_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"

EnvironmentName = Annotated[
    str,
    Form(
        r"[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "is not a name for an environment",
        "use lower-case letters, digits and dashes, with a letter first",
        32,
    ),
]
# What Kubernetes labels, AWS and Azure tags and GCP labels all accept, so that the foundation can
# change without its tags.
TagValue = Annotated[
    str,
    Form(
        r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?",
        "cannot be a tag on every foundation",
        "use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends",
        63,
    ),
]
PoolName = Annotated[
    str,
    Form(
        r"[a-z][a-z0-9]*",
        "is not a name for a node pool",
        # AKS takes the fewest: 12 lower-case letters and digits.
        "use lower-case letters and digits, with a letter first",
        12,
    ),
]
ObjectName = Annotated[
    str,
    Form(
        rf"{_LABEL}(?:\.{_LABEL})*",
        "is not the name of a Kubernetes object",
        "use lower-case letters, digits, dashes and dots",
    ),
]
Domain = Annotated[
    str,
    Form(
        rf"(?:(?=[^.]{{1,63}}(?:\.|$)){_LABEL}\.)+(?=[^.]{{2,63}}$)[a-z][a-z0-9-]*[a-z0-9]",
        "is not a DNS name",
        "write a domain such as ml.example.com: lower case, no scheme, no port, no underscore",
        # The longest label of a service and its dot come before it.
        230,
    ),
]
BucketName = Annotated[
    str,
    Form(
        r"[a-z0-9][a-z0-9-]{1,30}[a-z0-9]",
        "is not a name for a bucket",
        "use 3 to 32 lower-case letters, digits and dashes, with a letter or digit at both ends",
        32,
    ),
]
RepositoryName = Annotated[
    str,
    Form(
        r"[a-z0-9][a-z0-9-]{2,62}",
        "is not a name for a lakeFS repository",
        "use 3 to 63 lower-case letters, digits and dashes, with a letter or digit first",
        63,
    ),
]
BranchName = Annotated[
    str,
    Form(
        r"[A-Za-z0-9_][A-Za-z0-9_-]*",
        "is not a name for a branch",
        "use letters, digits, `_` and `-`, with no dash first",
        63,
    ),
]
ProjectName = Annotated[
    str,
    Form(
        r"[a-z][a-z0-9_]*",
        "is not a name for a Feast project",
        "use lower-case letters, digits and `_`, with a letter first",
        63,
    ),
]
DatabaseName = Annotated[
    str,
    Form(
        r"(?!(?:postgres|template0|template1|pg_.*|.*_auth)$)[a-z][a-z0-9_]*",
        "is not a name for a service's database",
        "use lower-case letters, digits and `_`, with a letter first; "
        "postgres, template0, template1, pg_... and ..._auth are taken",
        # PostgreSQL cuts names at 63; five are left for the suffix of a companion database.
        58,
    ),
]
MachineType = Annotated[
    str,
    Form(
        r"[A-Za-z0-9][A-Za-z0-9._-]*",
        "is not a machine type",
        "write it as the cloud lists it, e.g. m6i.large",
        64,
    ),
]
KubernetesVersion = Annotated[
    str,
    Form(
        r"1\.(?:3[2-9]|[4-9][0-9])",
        "is not a Kubernetes version that Colonnade supports",
        'write "1.32" or later',
        4,
    ),
]
Size = Annotated[
    str,
    Form(
        r"[1-9][0-9]*(?:Mi|Gi|Ti)",
        "is not a size",
        "write a whole number and a unit, e.g. 20Gi (Mi, Gi, Ti)",
        12,
    ),
]
Cpu = Annotated[
    str,
    Form(
        r"[1-9][0-9]*m|[1-9][0-9]*(?:\.[0-9]+)?|0\.0*[1-9][0-9]*",
        "is not an amount of CPU",
        'write cores or thousandths of one, in quotes: "2", "0.5" or "250m"',
        12,
    ),
]
FilePath = Annotated[
    str,
    Form(
        r"[^\n\r\0]*[^\s]",
        "is not the path of a file",
        "give the path of the file, never its content; `~` and paths relative to the checkout work",
        4096,
    ),
]
RegistryHost = Annotated[
    str,
    Form(
        rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{2,5}})?",
        "is not the host of a registry",
        "write host or host:port, without scheme and path",
    ),
]
ImageReference = Annotated[
    str,
    Form(
        r"[a-z0-9][a-z0-9.:/_-]*(?::[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}",
        "is not an image reference by digest",
        "write repository@sha256:<64 hexadecimal digits>, as `colonnade images build` prints it",
        512,
    ),
]
ImageName = Annotated[
    str, Form(_LABEL, "is not the name of an image", "use lower-case letters, digits and dashes", 63)
]
HttpsUrl = Annotated[
    str,
    Form(
        r"https://[^\s/@?#]+(?:/[^\s@?#]*)?",
        "is not an HTTPS URL",
        "write https://host/path, without credentials",
        512,
    ),
]
LabelKey = Annotated[
    str,
    Form(
        rf"(?:{_LABEL}(?:\.{_LABEL})*/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?",
        "is not the key of a Kubernetes label",
        "write name or prefix/name, e.g. node.example.com/pool",
    ),
]
LabelValue = Annotated[
    str,
    Form(
        r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?",
        "is not the value of a Kubernetes label",
        "use letters, digits, `.`, `_` and `-`, with a letter or digit at both ends",
        63,
    ),
]
Reason = Annotated[
    str,
    Form(
        r"\s*\S(?:.*\S\s+){2,}.*",
        "is not a reason",
        "say in a sentence why this environment may be weaker",
        500,
    ),
]
EmailAddress = Annotated[
    str,
    Form(
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
        "is not an e-mail address",
        "write name@host",
        # What AWS Budgets takes.
        50,
    ),
]
HostedZoneId = Annotated[
    str,
    Form(
        r"Z[A-Z0-9]{1,31}",
        "is not the id of a hosted zone",
        "write it as Route 53 lists it, e.g. Z0123456789",
        32,
    ),
]
CertificateArn = Annotated[
    str,
    Form(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}",
        "is not the ARN of a certificate",
        "write it as AWS Certificate Manager lists it",
        200,
    ),
]
Word = Annotated[
    str, Form(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", "is not a single word", "write it without spaces", 128)
]


def _network(text: str) -> str:
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError:
        pass
    try:
        widened = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise misformed("is not an IPv4 network", "write it in CIDR form, e.g. 10.0.0.0/16") from None
    raise misformed("has address bits beyond its prefix", f"write {widened}, or a longer prefix")


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise misformed("is not an IPv4 address", "write four numbers, e.g. 192.0.2.10") from None


_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _schedule(text: str) -> str:
    words = text.split()
    problem = misformed(
        "is not a schedule", 'write five cron fields, in quotes: "0 3 * * *" is each night at three'
    )
    if len(words) != len(_CRON_RANGES):
        raise problem
    for word, (low, high) in zip(words, _CRON_RANGES, strict=True):
        for item in word.split(","):
            match = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?", item)
            if not match:
                raise problem
            first, last = (int(number) for number in (match[1] or low, match[2] or match[1] or high))
            if not low <= first <= last <= high:
                raise problem
    return " ".join(words)


Network4 = Annotated[str, AfterValidator(_network), Field(examples=["10.0.0.0/16"])]
Address4 = Annotated[str, AfterValidator(_address), Field(examples=["192.0.2.10"])]
Schedule = Annotated[str, AfterValidator(_schedule), Field(examples=["0 3 * * *"])]
