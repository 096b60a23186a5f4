from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import bookshop
import pytest

from tenantry import Roles, Service, errors
from tenantry.commands.up import serve_all


def test_a_name_a_base_and_settings_are_enough() -> None:
    """Everything else follows, from the name and from where the base is defined."""
    service = Service(name="book_shop", base=bookshop.Base, settings=bookshop.Settings)
    assert service.metadata is bookshop.Base.metadata
    assert service.migrations == Path(bookshop.__file__).parent / "migrations"
    assert service.app == "app:app"
    assert service.roles == Roles(owner="book_shop_owner", application="book_shop_app", admin="book_shop_admin")
    assert (service.database, service.path, service.title) == ("book_shop", "/book-shop", "Book Shop")


def test_a_package_is_part_of_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("library.models")
    module.__file__ = "/srv/library/models.py"
    monkeypatch.setitem(sys.modules, "library.models", module)
    base = type("Base", (), {"metadata": bookshop.Base.metadata, "__module__": "library.models"})
    service = Service(name="library", base=base, settings=bookshop.Settings)
    assert (service.app, service.migrations) == ("library.app:app", Path("/srv/library/migrations"))


def test_what_is_given_is_kept(tmp_path: Path) -> None:
    roles = Roles(owner="o", application="a", admin="d")
    service = Service(
        name="shop",
        base=bookshop.Base,
        settings=bookshop.Settings,
        migrations=tmp_path,
        app="elsewhere:app",
        roles=roles,
        database="other",
        path="/here",
        title="Books",
    )
    assert (service.migrations, service.app, service.roles) == (tmp_path, "elsewhere:app", roles)
    assert (service.database, service.path, service.title) == ("other", "/here", "Books")


@pytest.mark.parametrize("field", ["metadata", "migrations"])
def test_a_field_that_nothing_says_is_refused_with_both_remedies(field: str, tmp_path: Path) -> None:
    """The remedy works: with the field given, the service is made."""
    given = {"metadata": bookshop.Base.metadata, "migrations": tmp_path, "app": "shop:app"}
    missing = {name: value for name, value in given.items() if name != field}
    with pytest.raises(errors.ConfigurationError) as refused:
        Service(name="shop", settings=bookshop.Settings, **missing)  # type: ignore[arg-type]
    assert f"has no {field}" in refused.value.what
    assert "base=Base" in refused.value.remedy
    assert f"{field}=" in refused.value.remedy
    Service(name="shop", settings=bookshop.Settings, **given)  # type: ignore[arg-type]


def test_without_a_base_a_service_has_no_application(tmp_path: Path) -> None:
    """Migrations, audit and proof need none; serving it is refused in a sentence."""
    service = Service(name="shop", settings=bookshop.Settings, metadata=bookshop.Base.metadata, migrations=tmp_path)
    assert service.app == ""
    with pytest.raises(errors.ConfigurationError, match="no application to serve"):
        serve_all([service], "127.0.0.1", 1, lambda: None)


def test_a_base_without_a_file_says_so() -> None:
    base = type("Base", (), {"metadata": bookshop.Base.metadata, "__module__": "of_no_file"})
    with pytest.raises(errors.ConfigurationError, match="of_no_file"):
        Service(name="shop", base=base, settings=bookshop.Settings)
