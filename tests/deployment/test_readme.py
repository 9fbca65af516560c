"""README_DEPLOYMENT.md lists the settings that there are."""

import re
from dataclasses import fields
from pathlib import Path

from crescendai.api.settings import ServiceSettings
from crescendai.deployment.settings import PREFIX, ModalSettings

TEXT = (Path(__file__).parents[2] / "README_DEPLOYMENT.md").read_text()


def test_the_configuration_table_has_every_setting_with_its_default():
    listed = dict(re.findall(r"^\| `(CRESCENDAI_\w+)` \| ([^|]+?) \|", TEXT, flags=re.MULTILINE))
    settings = {"CRESCENDAI_" + of.name.upper(): of.default for of in fields(ServiceSettings)}
    settings |= {PREFIX + of.name.upper(): of.default for of in fields(ModalSettings)}
    assert set(listed) == set(settings)
    for name, default in settings.items():
        if default == "":
            assert listed[name] in ("none", "the package's own")
        else:
            assert float(listed[name]) == default, name


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (Path(__file__).parents[2] / target).exists(), target
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", TEXT, flags=re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings
