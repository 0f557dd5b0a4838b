"""Configuration of a pod: one ConfigMap, one Secret, and a checksum whose change restarts what reads them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import core, meta

# Hexadecimal digits kept of a checksum: 64 bits tell configurations apart for good, and stay readable.
CHECKSUM_LENGTH: Final = 16

CONFIG_VOLUME: Final = "config"
SECRET_VOLUME: Final = "secret"  # noqa: S105 - the name of a volume


@dataclass(frozen=True)
class SecretKey:
    """One key of a Secret that somebody else keeps, in the pod's own namespace."""

    name: pulumi.Input[str]
    key: str


@dataclass(frozen=True)
class Configuration:
    """The configuration of the pods of one component; `create` makes the objects that hold it.

    Attributes:
        name: Name of the ConfigMap and of the Secret.
        plain: Plain environment.
        secret: Secret environment.
        files: Plain files by absolute path.
        secret_files: Secret files by absolute path.
        references: Variables that come from others' Secrets; what those hold is in no checksum.
    """

    name: str
    plain: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    references: Mapping[str, SecretKey] = field(default_factory=dict)

    def create(
        self, namespace: pulumi.Input[str], labels: Mapping[str, str], opts: pulumi.ResourceOptions
    ) -> dict[str, pulumi.Output[str]]:
        """Creates ConfigMap and Secret where there is something to hold; returns their checksums by kind.

        The checksum of a Secret is keyed by the Secret's uid, which only those learn who may read the Secret:
        whoever sees the pods alone cannot confirm a guessed password with it. It is therefore no secret
        itself.
        """
        checksums: dict[str, pulumi.Output[str]] = {}
        metadata = meta.v1.ObjectMetaArgs(name=self.name, namespace=namespace, labels=dict(labels))
        if self.files:
            data = {_key(path): content for path, content in self.files.items()}
            kubernetes.core.v1.ConfigMap(self.name, metadata=metadata, data=data, opts=opts)
            checksums["config"] = checksum(data)
        if self.secret or self.secret_files:
            data = {**self.secret, **{_key(path): content for path, content in self.secret_files.items()}}
            secret = kubernetes.core.v1.Secret(
                self.name,
                metadata=metadata,
                type="Opaque",
                data={key: pulumi.Output.from_input(content).apply(_base64) for key, content in data.items()},
                opts=opts,
            )
            key = secret.metadata.apply(lambda it: str(it.uid))
            checksums["secret"] = pulumi.Output.unsecret(checksum(data, key))
        return checksums

    def environment(self) -> list[core.v1.EnvVarArgs]:
        """Returns the environment; secret variables come first: plain ones may name them as `$(NAME)`."""
        own = {name: SecretKey(self.name, name) for name in self.secret}
        secret = [
            core.v1.EnvVarArgs(
                name=name,
                value_from=core.v1.EnvVarSourceArgs(
                    secret_key_ref=core.v1.SecretKeySelectorArgs(name=source.name, key=source.key)
                ),
            )
            for name, source in {**self.references, **own}.items()
        ]
        return secret + [core.v1.EnvVarArgs(name=name, value=value) for name, value in self.plain.items()]

    def volumes(self) -> list[core.v1.VolumeArgs]:
        """Returns the volumes that bring the files into the pod."""
        volumes = []
        if self.files:
            source = core.v1.ConfigMapVolumeSourceArgs(
                name=self.name, default_mode=0o444, items=_items(self.files)
            )
            volumes.append(core.v1.VolumeArgs(name=CONFIG_VOLUME, config_map=source))
        if self.secret_files:
            # Readable by the pod's group alone, which fsGroup gives to the files.
            hidden = core.v1.SecretVolumeSourceArgs(
                secret_name=self.name, default_mode=0o440, items=_items(self.secret_files)
            )
            volumes.append(core.v1.VolumeArgs(name=SECRET_VOLUME, secret=hidden))
        return volumes

    def mounts(self) -> list[core.v1.VolumeMountArgs]:
        """Returns one mount for each file, so that what the image has beside it stays visible."""
        return [
            core.v1.VolumeMountArgs(name=volume, mount_path=path, sub_path=_key(path), read_only=True)
            for volume, files in ((CONFIG_VOLUME, self.files), (SECRET_VOLUME, self.secret_files))
            for path in files
        ]


def checksum(content: Any, key: pulumi.Input[str] | None = None) -> pulumi.Output[str]:
    """Returns a short digest of the content, which may hold outputs; keyed where a key is given."""

    def digest(values: list[Any]) -> str:
        text = json.dumps(values[0], sort_keys=True).encode()
        if values[1] is None:
            return hashlib.sha256(text).hexdigest()[:CHECKSUM_LENGTH]
        return hmac.new(str(values[1]).encode(), text, hashlib.sha256).hexdigest()[:CHECKSUM_LENGTH]

    return pulumi.Output.all(content, key).apply(digest)


def annotations(checksums: Mapping[str, pulumi.Output[str]]) -> dict[str, pulumi.Input[str]]:
    """Returns the annotations of a pod template that make changed configuration restart the pods."""
    return {f"colonnade.io/{kind}-checksum": value for kind, value in checksums.items()}


def _items(files: Mapping[str, pulumi.Input[str]]) -> list[core.v1.KeyToPathArgs]:
    """Returns the keys to project: the environment in the same Secret is not laid out as files."""
    return [core.v1.KeyToPathArgs(key=_key(path), path=_key(path)) for path in files]


def _key(path: str) -> str:
    """Returns the key of a file: its name, told apart from its namesakes by a hash of the whole path."""
    return f"{hashlib.sha256(path.encode()).hexdigest()[:6]}-{PurePosixPath(path).name}"


def _base64(content: str) -> str:
    """Returns text as the API's `data` wants it."""
    return base64.b64encode(content.encode()).decode()
