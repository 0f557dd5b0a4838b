"""The tags of AWS resources."""


def tags(name: str) -> dict[str, str]:
    """Returns the tags of the resource of that logical name; the provider adds those of the environment.

    An interrupted creation is looked up by environment and name, so a name is unique within its type.
    """
    return {"Name": name}
