from __future__ import annotations

from pathlib import Path

from tenantry.postgres.embedded.configuration import render_settings, write_include


def test_durability_is_left_alone_unless_it_is_not_wanted() -> None:
    """Nothing in the durable file speaks of what PostgreSQL does well by itself."""
    durable = render_settings(Path("/tmp/x"), durable=True)
    fleeting = render_settings(Path("/tmp/x"), durable=False)
    assert not any(name in durable for name in ("fsync", "synchronous_commit", "full_page_writes"))
    assert all(f"{name} = 'off'\n" in fleeting for name in ("fsync", "synchronous_commit", "full_page_writes"))


def test_the_server_listens_on_its_socket_alone() -> None:
    text = render_settings(Path("/tmp/x"), durable=True)
    assert "listen_addresses = ''\n" in text
    assert "unix_socket_directories = '\"/tmp/x\"'\n" in text


def test_a_folder_may_hold_what_the_settings_grammar_uses() -> None:
    """A comma would make two folders of one, and a quote would end the value."""
    text = render_settings(Path('/tmp/it\'s, "mine"\\'), durable=True)
    assert 'unix_socket_directories = \'"/tmp/it\'\'s, ""mine""\\\\"\'\n' in text


def test_ours_stands_before_what_a_user_adds(tmp_path: Path) -> None:
    """The last setting of a name wins (manual, 20.1.2)."""
    (tmp_path / "postgresql.conf").write_text("dynamic_shared_memory_type = posix\n", encoding="utf-8")
    write_include(tmp_path)
    text = (tmp_path / "postgresql.conf").read_text(encoding="utf-8")
    assert "posix" not in text
    assert text.endswith("include 'tenantry.conf'\n")
