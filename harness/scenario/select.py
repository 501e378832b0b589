"""Which scenarios, and which of their cases: ids, files, directories, and `-k EXPR`.

A word is an id of the built-in suite, or of one of the files beside it on the command line:
`idle/quiet`, with its values `idle/quiet[60s]`, its twin `idle/quiet+no-heartbeat`, or a folder of
ids, `idle`. Any other word is a file or a directory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError, did_you_mean, shown
from harness.model.scenario import Case
from harness.scenario.keywords import parse
from harness.scenario.load import Loaded, load

_SUFFIXES = (".yaml", ".yml")
_NAME_CHARS = 255


@dataclass(frozen=True, slots=True)
class Selected:
    """A scenario, and those of its cases that were asked for.

    Args:
        loaded: The scenario.
        only: Ids of cases and twins; None: all of them, twins if they are asked for apart.
    """

    loaded: Loaded
    only: frozenset[str] | None = None

    @property
    def has_twins(self) -> bool:
        """Whether a twin was asked for by its id."""
        return self.only is not None and not self.only.isdisjoint(self.loaded.twin_ids)

    def keeps(self, case: Case) -> bool:
        """Whether a case of this scenario was asked for."""
        return self.only is None or case.id in self.only

    def joined(self, other: Selected) -> Selected:
        """What either of the two selects."""
        if self.only is None or other.only is None:
            return Selected(self.loaded)
        return Selected(self.loaded, self.only | other.only)


def select(words: Sequence[str], *, suite: Path, flaws: Collection[str]) -> list[Selected]:
    """Load what `words` name.

    Args:
        words: Ids, files and directories; none: the whole suite.
        suite: The directory of the built-in suite.
        flaws: The names a twin's flaw may have.

    Returns:
        Each scenario once, in the order of the words; within a directory by file name.

    Raises:
        UsageError: A word names nothing.
        ScenarioError: A file is wrong, or two have one id.
    """
    named = {word: found for word in words if (found := _files(word)) is not None}
    if not words:
        return list(map(Selected, _load_all(scenario_files(suite), flaws).values()))
    known = _load_all([file for found in named.values() for file in found], flaws)
    if len(named) < len(words):
        # Whoever copies a built-in scenario to change it means the copy.
        taken = {loaded.scenario.id for loaded in known.values()}
        built_in = _load_all(_built_in([it for it in words if it not in named], suite), flaws)
        known |= {f: it for f, it in built_in.items() if it.scenario.id not in taken}
    chosen: dict[str, Selected] = {}
    for word in words:
        found = named.get(word)
        selected = (
            _by_id(word, known.values())
            if found is None
            else [Selected(known[file.resolve()]) for file in found]
        )
        for one in selected:
            key = one.loaded.scenario.id
            chosen[key] = chosen[key].joined(one) if key in chosen else one
    return list(chosen.values())


def matching(cases: Iterable[Case], expression: str) -> list[Case]:
    """The cases for which a `-k` expression holds, by their ids; a twin also answers to `twin`.

    Args:
        cases: In order, which is kept.
        expression: See `keywords.parse`; "": all of them.

    Raises:
        UsageError: It is not an expression.
    """
    if not expression.strip():
        return list(cases)
    holds = parse(expression)
    return [case for case in cases if holds(f"{case.id} twin" if case.twin else case.id)]


def scenario_files(directory: Path) -> list[Path]:
    """Every YAML file in a directory and below, sorted; hidden ones apart."""
    return sorted(
        file
        for file in directory.rglob("*")
        if file.suffix in _SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(directory).parts)
    )


def _files(word: str) -> list[Path] | None:
    """The files a word names; None: it is no path."""
    path = Path(word)
    if any(len(part) > _NAME_CHARS for part in path.parts):
        return None  # no file system has such a name, and asking for it is an error
    is_meant = path.suffix in _SUFFIXES or path.is_absolute() or path.parts[:1] in {(), ("..",)}
    if path.is_dir():
        found = scenario_files(path)
        if not found and is_meant:
            raise UsageError(f"there is no scenario in {shown(word)}: no .yaml file")
        return found or None
    if is_meant and not path.is_file():
        raise UsageError(f"there is no file {shown(word)}")
    return [path] if is_meant else None


def _built_in(ids: Iterable[str], suite: Path) -> list[Path]:
    """The files of the built-in suite in which to look for ids.

    There the scenario `idle/quiet` is in `idle/quiet.yaml`: one case need not wait until all others
    are loaded. For an id that names no file any of them may be meant.
    """
    found: list[Path] = []
    for name in (it.partition("[")[0].partition("+")[0].rstrip("/") for it in ids):
        if len(name) > _NAME_CHARS:
            return scenario_files(suite)
        file, folder = suite / f"{name}.yaml", suite / name
        here = [*([file] if file.is_file() else []), *scenario_files(folder)]
        if not here:
            return scenario_files(suite)
        found += here
    return found


def _load_all(files: Iterable[Path], flaws: Collection[str]) -> dict[Path, Loaded]:
    """Load each file once, by its resolved path.

    Raises:
        ScenarioError: One of them is wrong, or has the id of another one.
    """
    found: dict[Path, Loaded] = {}
    by_id: dict[str, Loaded] = {}
    for file in files:
        if file.resolve() in found:
            continue
        loaded = load(file, flaws=flaws)
        other = by_id.setdefault(loaded.scenario.id, loaded)
        if other is not loaded:
            message = f"{loaded.scenario.id} is the id of {other.document.file} already"
            raise loaded.document.error(("id",), message)
        found[file.resolve()] = loaded
    return found


def _by_id(word: str, known: Iterable[Loaded]) -> list[Selected]:
    """The scenarios below a folder of ids, one scenario, or one case or twin of it."""
    folder = f"{word.rstrip('/')}/"
    found: list[Selected] = []
    candidates: list[str] = []
    for loaded in known:
        name = loaded.scenario.id
        cases = (*loaded.case_ids, *loaded.twin_ids)
        candidates += [name, *cases]
        if name == word or name.startswith(folder):
            found.append(Selected(loaded))
        elif word in cases:
            found.append(Selected(loaded, frozenset({word})))
    if not found:
        raise UsageError(f"unknown scenario {shown(word)}{did_you_mean(word, candidates)}")
    return found
