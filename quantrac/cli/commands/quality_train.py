"""`quantrac quality train`: a model of what people reject, with its card."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, answer, number
from quantrac.cli.commands.quality_options import From, RestIsGood, Stations, To, range_of
from quantrac.cli.environment import database
from quantrac.cli.whole_file import whole_file
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from quantrac.quality.model_file import ChannelScores, ModelFile, SideBySide
    from quantrac.quality.scores import TestScore


def train(
    parameter: Annotated[str, typer.Option(help="What to learn: turbidity, do_sat, ec …", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the model goes, such as models/turbidity.json.")
    ],
    from_: From = None,
    to: To = None,
    station: Stations = None,
    rest_is_good: RestIsGood = False,
    most_false: Annotated[
        float, number("Share of the good readings that it may blame; default 0.01.", 1e-4, 0.01)
    ] = 0.01,
    beside: Annotated[
        Path | None, typer.Option(metavar="OLD", help="The model before: shows both scores, and counts on from it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model of what people reject of a parameter, by gradient boosting, and write it with its card.

    From people's verdicts, as `quantrac quality score` takes them. Scored by channel: without its station (unseen), and
    on later readings than it was taught by (later), beside the other tests. It judges a channel only where its later
    score is good; name the file in `quality: {trained: models/FILE}` of network.yaml or of a channel.

    Needs the extra `training` (pip install 'quantrac[training]'); judging by a model does not.
    """
    from ingest.quality.taught import taught
    from ingest.quality.verdicts import ReviewedRange
    from quantrac.quality.boosted_trees import NAME, boosted
    from quantrac.quality.features import LEARNT, NAMES
    from quantrac.quality.model_file import FORMAT, BadModel, Card, ModelFile, read_model, written
    from quantrac.quality.taught_models import train as trained

    if parameter not in LEARNT:
        raise typer.BadParameter(f"found {parameter!r}, allowed {', '.join(LEARNT)}", param_hint="--parameter")
    try:
        old = None if beside is None else read_model(beside.read_bytes())
    except BadModel as error:
        raise typer.BadParameter(f"{beside}: {error}", param_hint="--beside") from error
    if old is not None and old.parameter != parameter:
        raise typer.BadParameter(f"found a model of {old.parameter}, allowed of {parameter}", param_hint="--beside")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"found no folder {out.parent}; make it first", param_hint="--out")
    if out.is_file() and (beside is None or not out.samefile(beside)):
        raise typer.BadParameter(
            f"{out} is there; name another, or --beside {out} to train the next", param_hint="--out"
        )
    with database("console", "quality train") as conn:
        after, until = range_of(from_, to, time_zone(conn))
        found = taught(conn, ReviewedRange(after, until, station, [parameter]), rest_is_good=rest_is_good)
    learnt = trained(found, boosted, most_false)
    card = Card(datetime.now(UTC).replace(microsecond=0), NAME, version("quantrac"), most_false, learnt.scores)
    model = ModelFile(
        FORMAT, 1 if old is None else old.version + 1, parameter, card, list(NAMES), learnt.trees.base,
        list(learnt.trees.trees),
    )  # fmt: skip
    with whole_file(out) as file:
        file.write(written(model))
    answer({"file": str(out), **_card(model)}, [*lines_of(model, old), f"written: {out}"], as_json=as_json)


def _card(model: ModelFile) -> dict[str, object]:
    import msgspec

    channels = {each.channel: each.why_off() for each in model.card.channels}
    kept = {"version": model.version, "parameter": model.parameter}
    return kept | {"card": msgspec.to_builtins(model.card), "off": channels}


def lines_of(model: ModelFile, old: ModelFile | None) -> Iterator[str]:
    """Yield the card for a person: a line a score, then whether the model judges that channel."""
    yield f"{model.parameter}, version {model.version}, by {model.card.library}"
    heads = f"{'precision':>11}{'recall':>8}{'F1':>6}{'false':>9}"
    yield f"{'channel':<32}{'scored':<8}{'by':<10}{'readings':>9}{'bad':>8}{heads}"
    before = {} if old is None else {each.channel: each for each in old.card.channels}
    for own in model.card.channels:
        yield from _scores(own.channel, "unseen", own.unseen)
        yield from _scores(own.channel, "later", own.later)
        if (then := before.get(own.channel)) is not None and old is not None:
            yield from _score(own.channel, "later", f"version {old.version}", then.later.model if then.later else None)
        why = own.why_off()
        on = f"judges, from a probability of {own.threshold or 0:.0%} on"
        yield f"{own.channel}: {on if why is None else f'off: {why}'}{_change(own, then)}"


def _change(own: ChannelScores, then: ChannelScores | None) -> str:
    if then is None or (own.why_off() is None) == (then.why_off() is None):
        return ""
    return ", which it did not before" if own.why_off() is None else ", where the version before judged"


def _scores(channel: str, way: str, side: SideBySide | None) -> Iterator[str]:
    if side is None:
        yield f"{channel:<32}{way:<8}nothing to score it on"
        return
    for by, score in (("model", side.model), ("tests", side.ours), ("both", side.both)):
        yield from _score(channel, way, by, score)


def _score(channel: str, way: str, by: str, score: TestScore | None) -> Iterator[str]:
    if score is not None:
        figures = "".join(
            f"{each or 0.0:>{width}.2f}" for each, width in ((score.precision, 11), (score.recall, 8), (score.f1, 6))
        )
        yield f"{channel:<32}{way:<8}{by:<10}{score.readings:>9}{score.bad:>8}{figures}{score.false_share or 0.0:>9.2%}"
