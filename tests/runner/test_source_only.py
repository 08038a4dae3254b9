"""A dependency that is source alone does not make the resolver go back to old releases of what needs it."""

from __future__ import annotations

from runner.package_index import package_index, sdist, wheel

from verbatim.stage import PrepareOutputs


def test_the_newest_release_is_taken_though_it_needs_a_package_without_wheels(ground, write_tree, monkeypatch):
    with package_index() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        index.add(wheel("tool", "1.0"))
        index.add(wheel("tool", "2.0", requires=("docopt>=0.6",)))
        index.add(sdist("docopt", "0.6.2"))
        code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "tool\n"}))
        outputs = ground.run(ground.request("prepare", {}, code)).outputs
    assert isinstance(outputs, PrepareOutputs)
    lock = ground.store.get_blob(outputs.environment.lock_digest).decode()
    assert [line.split()[0] for line in lock.splitlines() if "==" in line] == ["docopt==0.6.2", "tool==2.0"]
