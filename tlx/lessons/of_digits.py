"""What the steps on `digits` ask and tell: a transfer's worth, classes, domains, and what to freeze."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tlx import needs, pipeline
from tlx.analysis import freezing
from tlx.analysis.advice_words import lost
from tlx.analysis.intervals import paired, wilson
from tlx.cases import HEAD, MODELS, Case
from tlx.findings import counted, percent, points, points_between
from tlx.lessons.told import Look, OneOf, Share, Told, between, listed, rows
from tlx.needs import Panel, need
from tlx.results import BlockGradients, Control, Discriminability, DomainImages, Embedding, Transferability

CLASS = "8"  # of the ten, in views of one


def worth_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `worth`."""
    score = yield from needs.score(case)
    controls = yield from needs.each(("budget", "end"), lambda length: need(pipeline.control, case, length))
    return score, controls, (yield need(pipeline.catalogue, case, "target"))


def worth(score: Transferability, controls: dict[str, Control], target: DomainImages) -> Told:
    """What a network from scratch comes to with the transfer's own budget."""
    budget, end = controls["budget"], controls["end"]
    low, high = wilson(budget.accuracy, budget.n)
    short, long = counted(budget.epochs, "epoch"), counted(end.epochs, "epoch")
    shares = [
        ("Source model, as it was", "source", score.source_accuracy),
        (f"From scratch, {short}", "", budget.accuracy),
        (f"Target model, fine-tuned, {short}", "target", score.target_accuracy),
        (f"From scratch, {long}", "", end.accuracy),
    ]
    return Told(
        question=f"A network that has learned printed digits, the source model, reads {percent(score.source_accuracy)} "
        f"of {score.n:,} handwritten test images right. Fine-tuned on {int(target.training.sum()):,} handwritten "
        f"training images for {short} it is the target model, and reads {percent(score.target_accuracy)}. Now the same "
        "network begins from random weights instead, with the same images and as many epochs. How many of the test "
        "images does it read right?",
        predicted=Share("Your prediction: right, in per cent", score.majority),
        look=Look(
            "Statistics",
            "Three lines on the target's validation images: the target model (T), the network from scratch, and the "
            "source model while it learned printed digits (S). The card beside the chart holds the target model "
            "against training from scratch twice. Why twice?",
            CLASS,
            view=(("statistics.lines", ",".join(f"{model} target validation" for model in (*MODELS, "scratch"))),),
        ),
        answer=budget.accuracy,
        interval=(low, high),
        said=f"From scratch with the same budget: {percent(budget.accuracy)} ({between(low, high)}).",
        table=rows(
            {"title": title, "model": model, "value": share}
            | dict(zip(("low", "high"), wilson(share, score.n), strict=True))
            for title, model, share in shares
        ),
        x="test images read right",
        guess=score.majority,
        guessing="always naming one digit",
        about="Whiskers are 95 % intervals.",
        why=f"The score of {points(score.score)} holds the target model against the model it started from. Against "
        f"training from scratch at the same budget it gains {points(budget.difference)} "
        f"({points_between(budget.low, budget.high)}). Trained for {long}, the network from scratch comes to "
        f"{percent(end.accuracy)}: {points(-end.difference)} against the target model.",
        misread="“The transfer gained so many points” means nothing until somebody says against what. Each of the "
        "three comparisons is right, and they do not agree.",
        take="Against what, with which budget, on which images, and how wide is the interval?",
        discuss=(
            "When is the same budget the fair comparison, and when training to the end?",
            "What did the transfer save here, if it is not accuracy?",
        ),
    )


def classes_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `classes`."""
    table = yield from needs.class_table(case)
    return table, (yield need(pipeline.instances, case)), (yield from needs.score(case))


def classes(table: pd.DataFrame, instances: pd.DataFrame, score: Transferability) -> Told:
    """Which class gains most, and how wide a class's interval is."""
    gains, names = _gains(table, instances), table["class_name"].tolist()
    first, second = gains.sort_values("value", ascending=False).to_dict("records")[:2]
    at = table.set_index("class_name")
    most, worst = at.loc[first["title"]], at.sort_values("target_accuracy").iloc[:2]
    apart = first["low"] > second["high"]
    settled = "lies above" if apart else "overlaps"
    ends = [f"class {name} with {percent(row['target_accuracy'])} ({_wilson(row)})" for name, row in worst.iterrows()]
    sure = worst["target_high"].iloc[0] < worst["target_low"].iloc[1]
    every, one = wilson(score.target_accuracy, score.n), (worst["target_low"].iloc[0], worst["target_high"].iloc[0])
    return Told(
        question="The ten digits are not helped alike. For which of them does the target model read more handwritten "
        "images right than the source model by the most points?",
        predicted=OneOf("Your prediction: the digit that gains most", tuple(names)),
        look=Look(
            "Statistics",
            "Sort the class table by “difference”, then by the target model's accuracy. Is the class that gains most "
            "also the one that is read best afterwards? The table's n says how many images a class has.",
            CLASS,
        ),
        answer=first["title"],
        said=f"Class {first['title']}: from {percent(most['source_accuracy'])} to {percent(most['target_accuracy'])} "
        f"of {counted(int(most['n']), 'image')}, {points(first['value'])} "
        f"(95\N{NO-BREAK SPACE}% interval {points_between(first['low'], first['high'])}).",
        table=gains,
        x="gain, in points",
        unit="points",
        ends=(min(-0.1, float(gains["low"].min())), float(gains["high"].max())),
        guess=0.0,
        guessing="no gain",
        about="Whiskers are 95 % intervals: the same images under both models.",
        why=f"Class {second['title']} follows with {points(second['value'])}, and the interval of the first {settled} "
        f"its own. After the transfer the two worst are {listed(ends)}; "
        + (
            "the intervals do not overlap."
            if sure
            else "these intervals overlap, so which of them is the worst is open."
        ),
        misread="A table of classes is always sorted, and somebody is always last. The interval of all "
        f"{score.n:,} images is {lost(every[1] - every[0])} wide, that of one class's {int(worst['n'].iloc[0])} images "
        f"{lost(one[1] - one[0])}.",
        take="Name the class, its number of images and its interval together.",
        discuss=(
            "Look at printed and handwritten images of the class that gains most. What did the source model lack?",
            "How many images would a class need for an interval half as wide?",
        ),
    )


def _wilson(row: pd.Series) -> str:
    return between(row["target_low"], row["target_high"])


def _gains(table: pd.DataFrame, instances: pd.DataFrame) -> pd.DataFrame:
    """A row for each class with what the target model gains over the source model, and its paired interval."""
    own = instances[(instances["domain"] == "target") & (instances["split"] == table["split"].iloc[0])]
    found = []
    for name, gain in zip(table["class_name"], table["difference"], strict=True):
        of_class = own[own["label"] == name]
        right = [(of_class[model] == name).to_numpy() for model in ("source_prediction", "prediction")]
        low, high = paired(*right)
        found.append({"title": str(name), "model": "target", "value": float(gain), "low": low, "high": high})
    return rows(found)


def domains_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `domains`."""
    both = yield from needs.each(MODELS, lambda model: need(pipeline.discriminability, case, CLASS, model))
    table = yield from needs.class_table(case)
    return both, (yield from needs.embedding(case, CLASS)), table


def domains(both: dict[str, Discriminability], embedding: Embedding, table: pd.DataFrame) -> Told:
    """How well the domains are told apart although the model reads both."""
    after = both["target"]
    right = float(table["target_accuracy"].to_numpy()[table["class_name"].tolist().index(CLASS)])
    return Told(
        question=f"The target model began with printed digits and now reads handwritten ones. Take the {CLASS}s of "
        "both domains. A linear classifier sees how the model's important neurons answer to an image, and has to say "
        "whether it is a printed or a handwritten one. How often is it right on images that it has not seen?",
        predicted=Share("Your prediction: right, in per cent", 0.5),
        look=Look(
            "Instances",
            "Crosses are printed, circles handwritten images. Do they lie apart? Then look at the histogram "
            "“Source-like or target-like” at the end of the page: how far do the colours overlap?",
            CLASS,
            view=(("instances.histograms", CLASS),),
        ),
        answer=after.accuracy,
        interval=(after.low, after.high),
        said=f"{percent(after.accuracy)} ({between(after.low, after.high)}).",
        table=rows(
            {
                "title": {"source": "Source model, before the transfer", "target": "Target model, after it"}[model],
                "model": model,
                "value": one.accuracy,
                "low": one.low,
                "high": one.high,
            }
            for model, one in both.items()
        ),
        x="right about unseen images' domain",
        guess=0.5,
        about=f"Whiskers are 95 % intervals; {after.count('source')} printed and {after.count('target')} handwritten "
        "images, each domain counted alike.",
        why="Fine-tuning teaches the model to give images of both domains the right name. Nothing asks it to forget "
        f"where they come from: before the transfer it was {percent(both['source'].accuracy)}.",
        misread=f"Two clouds apart do not mean that the model fails on one: it reads {percent(right)} of the "
        f"handwritten {CLASS}s right. Nor does the distance between clouds mean much: the picture keeps "
        f"{percent(round(embedding.method['kept'], 2))} of an image's nearest neighbours.",
        take="A picture of clouds has no level of guessing. Ask for the number beside it.",
        discuss=(
            "Would a model that cannot tell the domains apart be a better one?",
            "Which of the two numbers, accuracy or domains told apart, would you report to whom?",
        ),
    )


def freeze_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `freeze`."""
    gradients = yield from needs.block_gradients(case)
    return gradients, (yield from needs.strategies(case)), (yield from needs.score(case))


def freeze(gradients: BlockGradients, strategies: pd.DataFrame, score: Transferability) -> Told:
    """What is best trained, and what the advice is worth."""
    block = freezing.advised(gradients)
    offered = (freezing.ALL, HEAD, *(freezing.strategy_of(one) for one in gradients.blocks if one != HEAD))
    run = strategies.set_index("strategy").loc[list(offered)]
    mean = {name: float(one) for name, one in zip(offered, run["accuracy"], strict=True)}
    judged = freezing.judged(strategies, block)
    titles = {str(name): str(title) for name, title in run["title"].items()}
    best = max(offered, key=mean.__getitem__)
    by_seed = run.filter(regex=r"^accuracy_\d+$").to_numpy(dtype=float)
    ends = {name: (row.min(), row.max()) for name, row in zip(offered, by_seed, strict=True)}
    advised = titles[judged.advised]
    pulls = sorted(gradients.pull, reverse=True)
    return Told(
        question="For the handwritten digits you may train the whole source model, or only one block of it together "
        "with the head, while all else stays as it is. Which choice reads most of the handwritten test images right?",
        predicted=OneOf("Your prediction: train", tuple(titles.values())),
        look=Look(
            "Compare",
            "Further down, “What to freeze?” gives an advice from the gradients alone. Then it says what training by "
            "every strategy came to. Do the two agree?",
            CLASS,
        ),
        answer=titles[best],
        said=f"Training {titles[best]}: {percent(mean[best])} (mean of {by_seed.shape[1]} seeds, "
        f"{percent(ends[best][0])} to {percent(ends[best][1])}). Advised was “{advised}”, with "
        f"{percent(judged.accuracy)}.",
        table=rows(
            {
                "title": titles[name],
                "model": "target" if name == best else "",
                "value": mean[name],
                "low": ends[name][0],
                "high": ends[name][1],
            }
            for name in offered
        ),
        x="test images read right",
        ends=(min(0.6, score.source_accuracy - 0.05), 1.0),
        guess=score.source_accuracy,
        guessing="nothing trained",
        about="Dots are means of the seeds, whiskers reach from the worst to the best seed; the rate of each was "
        "chosen on validation images.",
        why=f"The advice gives away {lost(judged.regret)} against the best, a block drawn at random "
        f"{lost(judged.random)}. It chose between blocks that pull almost alike, {pulls[0]:.1f} and {pulls[1]:.1f} "
        "times as hard as known images do, and names the same one in "
        f"{percent(round(freezing.steadiness(gradients), 2))} of resamples.",
        misread="A number computed from the model itself looks like knowledge. It is a guess about what training would "
        "do until somebody trains.",
        take="A tool may be wrong, this one too. You know by runs that could have shown otherwise: same images, seeds "
        "and budget, judged on images that chose nothing.",
        discuss=(
            "When would freezing be right although training everything wins here?",
            "What is forgotten of the printed digits? The view shows it beside.",
            f"All layers come to more here than the target model of step 1 ({percent(score.target_accuracy)}). What "
            "else differs between the two?",
        ),
    )
