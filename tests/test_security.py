"""What a visitor or a file could do to the server: read other files, name a path, have objects unpickled."""

from __future__ import annotations

import ast
import pickle
import sys
import tomllib
from pathlib import Path

import pytest
import small_case
import statistics_case
from streamlit.testing.v1 import AppTest
from streamlit_help import app, script, text_of

from tlx.cases import Domain
from tlx.errors import DataError
from tlx.images import domains

ROOT = Path(__file__).parent.parent
CODE = sorted([*(ROOT / "tlx").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "streamlit_app.py"])
UNPICKLING = {"dill", "cloudpickle", "shelve", "marshal", "jsonpickle", "yaml"}
OBEYED = {"eval", "exec", "compile", "__import__", "pd.read_pickle", "os.system", "os.popen"}
TYPED = {"text_input", "text_area", "chat_input", "file_uploader", "data_editor", "camera_input", "audio_input"}

opened: list[str] | None = None


@sys.addaudithook
def _note(event: str, args: tuple[object, ...]) -> None:
    """Python tells every opened file and listed folder; hooks stay for good, so this one is silent outside its test."""
    if opened is not None and event in ("open", "os.listdir", "os.scandir"):
        opened.append(str(args[0]))


def calls(tree: ast.AST) -> list[tuple[str, set[str]]]:
    """(dotted name as written, its keywords with constant values as `name=value`) of every call."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            said = {f"{k.arg}={k.value.value}" for k in node.keywords if isinstance(k.value, ast.Constant)}
            found.append((ast.unparse(node.func), said))
    return found


def dangers(text: str) -> list[str]:
    """What in this code could make an object, or run code, out of bytes read from a file or a visitor."""
    tree = ast.parse(text)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [name for name in names if name.split(".")[0] in UNPICKLING]
    for name, keywords in calls(tree):
        last = name.rpartition(".")[2]
        safe = name == "torch.load" and "weights_only=True" in keywords
        reads = last in ("load", "loads", "Unpickler") and name.split(".")[0] in ("pickle", "torch", "joblib")
        if (reads and not safe) or "allow_pickle=True" in keywords or "shell=True" in keywords:
            found.append(name)
        if name in OBEYED:
            found.append(name)
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(path):
    """The cache's own store apart, no code of ours makes objects from a file or runs text."""
    allowed = ["joblib.load"] if path.name == "store.py" else []
    assert dangers(path.read_text(encoding="utf-8")) == allowed


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "joblib.load(path)",
        "import yaml",
        "from dill import loads",
        "eval(text)",
        "pd.read_pickle(path)",
        "os.system(text)",
    ],
)
def test_the_walk_finds_what_it_is_for(line):
    """A line of each kind is found, so that the test above can fail."""
    assert dangers(line)


def test_a_forged_cifar_folder_is_not_unpickled(tmp_path):
    """CIFAR-10 comes as pickles; torchvision reads them only where their checksums are the published ones."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    mark = tmp_path / "obeyed"
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(_Touch(mark)))
    (folder / "batches.meta").write_bytes(pickle.dumps(_Touch(mark)))
    with pytest.raises(DataError, match="CIFAR10 was not found"):
        domains.catalogue(Domain("torchvision", "forged", path=str(tmp_path), dataset="CIFAR10"))
    assert not mark.exists()


class _Touch:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def framed() -> None:
    from tlx.app import frame

    frame.page("Any page", "How to read it.")


@pytest.fixture
def page(monkeypatch) -> AppTest:
    monkeypatch.delenv("TLX_CASES", raising=False)
    statistics_case.install(monkeypatch)
    return script(framed)


@pytest.mark.parametrize("public", ["", "1"])
@pytest.mark.parametrize("form", ["{path}", "../../../../../../../../..{path}", "file://{path}", "~/../..{path}"])
def test_no_address_makes_the_app_read_a_file(page, monkeypatch, tmp_path, public, form):
    """A case file that exists, named in the address, is not touched; the page shows a known case and says so."""
    global opened
    monkeypatch.setenv("TLX_PUBLIC", public)
    secret = small_case.write(tmp_path / "secret-place", per_class=1)
    page.query_params["case"] = form.format(path=secret)
    opened = []
    try:
        page.run()
        seen, opened = opened, None
    finally:
        opened = None
    assert not page.exception
    assert "There is no case" in text_of(page)
    assert page.session_state["tlx choice"].case == "digits"
    assert seen  # the hook works: at least the page's own script was read
    assert not [name for name in seen if "secret-place" in name]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "\\\\host\\share", "digits/../digits", "digits\0"])
def test_hostile_case_names_are_names(page, name):
    """They are looked up among the known cases, and are not there."""
    page.query_params["case"] = name
    page.run()
    assert not page.exception
    assert page.session_state["tlx choice"].case == "digits"


def test_only_selection_reads_the_address():
    """One module holds the address against what exists; no page takes a parameter past it."""
    readers = {path.name for path in CODE if "query_params" in path.read_text(encoding="utf-8")}
    assert readers <= {"selection.py", "navigation.py"}  # navigation writes links


def test_streamlits_protections_are_on():
    """Nothing in the repository switches off what keeps other sites and uploads out, or opens more ways in."""
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    server = settings["server"]
    assert not {"enableCORS", "enableXsrfProtection", "corsAllowedOrigins", "enableAgentApi"} & set(server)
    assert not server.get("enableStaticServing", False)
    assert server["maxUploadSize"] <= 1
    assert settings["client"]["disableDataExport"]
    assert settings["client"]["showErrorDetails"] in ("type", "none")
    off = ("enablecors", "enablexsrf", "enable_cors", "enable_xsrf", "enablestatic", "agentapi")
    texts = [*CODE, ROOT / "Makefile", ROOT / "Dockerfile", *(ROOT / ".ci").iterdir(), *(ROOT / "benchmarks").glob("*")]
    for path in texts:
        if path.is_file():
            said = path.read_text(encoding="utf-8").lower()
            assert not [word for word in off if word in said], path


def test_strangers_are_told_no_path(monkeypatch, tmp_path, caplog):
    """Why a case file cannot be used goes to the log; the start page says only that there is one."""
    monkeypatch.setenv("TLX_CASES", str(tmp_path / "missing.toml"))
    monkeypatch.setenv("TLX_PUBLIC", "1")
    page = app().run()
    assert "cannot be used at present" in text_of(page)
    assert "missing" not in text_of(page)
    assert "missing" in caplog.text


def test_only_the_form_for_new_cases_has_fields_to_write_in():
    """That page is closed to strangers (tests/test_page_new_case.py); elsewhere visitors choose among what is there."""
    assert {path.name for path in CODE if typed(path)} == {"check_panel.py", "form.py"}


def typed(path: Path) -> set[str]:
    """Widgets of a file into which a visitor can write anything."""
    found = calls(ast.parse(path.read_text(encoding="utf-8")))
    free = {name.rpartition(".")[2] for name, said in found if "accept_new_options=True" in said}
    return free | {name.rpartition(".")[2] for name, _ in found} & TYPED
