"""The typed settings of an environment: one model, one validation, two entrances."""

from stacks.settings.faults import Fault, SettingsError
from stacks.settings.loader import from_pulumi, load_file
from stacks.settings.model import (
    Accelerator,
    Backups,
    Cache,
    Cluster,
    Database,
    Edge,
    Feast,
    LakeFS,
    MLflow,
    Network,
    Pool,
    Resources,
    Retention,
    Service,
    Settings,
    SingleSignOn,
    Storage,
    Taint,
    Tls,
)
from stacks.settings.validation import parse

__all__ = [
    "Accelerator",
    "Backups",
    "Cache",
    "Cluster",
    "Database",
    "Edge",
    "Fault",
    "Feast",
    "LakeFS",
    "MLflow",
    "Network",
    "Pool",
    "Resources",
    "Retention",
    "Service",
    "Settings",
    "SettingsError",
    "SingleSignOn",
    "Storage",
    "Taint",
    "Tls",
    "from_pulumi",
    "load_file",
    "parse",
]
