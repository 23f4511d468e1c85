"""What the daemon knows of all environments by now; page and metrics tell of nothing else.

Values are put in and asked for. Who found them out, it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.book import Book
from pgdrift.core.model import Standing
from pgdrift.core.standing import remembered
from pgdrift.core.watched import Watched


@dataclass(slots=True)
class Known:
    """By environment: how it stands, and its incidents; and what people said of them.

    `looked` are those that were looked at since the start, `matched` the ignore rules that have
    left out anything since.
    """

    standings: dict[str, Standing] = field(default_factory=dict)
    incidents: dict[str, tuple[Incident, ...]] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    looked: set[str] = field(default_factory=set)
    matched: set[str] = field(default_factory=set)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget who is watched no more."""
        self.looked.intersection_update(names)
        for name in self.standings.keys() - set(names):
            del self.standings[name]
            self.incidents.pop(name, None)

    def recall(self, watched: Watched, book: Book) -> None:
        """Show how an environment stood when it was last looked at."""
        self.incidents[watched.name] = book.incidents
        self.standings[watched.name] = remembered(watched, book)

    def show(self, standing: Standing) -> None:
        """Let this be how it stands."""
        self.standings[standing.environment] = standing

    def looked_at(self, standing: Standing) -> None:
        """Let this be how it stands, as it was found just now."""
        self.show(standing)
        self.looked.add(standing.environment)
        self.matched |= {name for a in standing.against for name, _ in a.ignored_by}

    def standings_of(self, mine: Callable[[str], bool]) -> Mapping[str, Standing]:
        """Return how those stand of which this holds."""
        return {name: standing for name, standing in self.standings.items() if mine(name)}

    def incidents_of(self, mine: Callable[[str], bool]) -> Iterable[Incident]:
        """Return the incidents of those of which this holds."""
        return [i for name, some in list(self.incidents.items()) if mine(name) for i in some]

    def all_incidents(self) -> Iterable[Incident]:
        """Return those of every environment."""
        return self.incidents_of(lambda _: True)
