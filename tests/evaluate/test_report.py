import importlib.util
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from smalti.evaluate.figures import cell
from smalti.evaluate.headline import headline
from smalti.evaluate.metrics import Metric
from smalti.evaluate.page import render, write_report
from smalti.evaluate.report import SHEET_CLASSES, Mistake, Report, Timing

_spec = importlib.util.spec_from_file_location("report_examples", Path(__file__).with_name("examples.py"))
examples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(examples)

VOID = {"meta", "img", "br", "wbr", "link", "input", "hr"}


class Page(HTMLParser):
    """The page as elements, its text, and whether every tag is closed by its own."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(html)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def sections(self):
        return [a["id"] for a in self.all("section") if "id" in a]


@pytest.fixture(scope="module")
def full():
    return render(examples.classified(examples.CIFAR))


def test_the_headline_is_a_sentence_for_anyone():
    report = Report("t", "classify", {"accuracy": Metric(353 / 360, 0.961, 0.99, 360)}, split="test")
    text = Page(render(report)).text
    assert "98.1 % Right on 353 of 360 pictures it had never seen." in text
    assert "The true value lies between 96.1 % and 99.0 % (95 % interval)." in text


def test_the_headline_of_several_targets_is_in_no_unit():
    told = headline(examples.regressed())
    assert told["kind"] == "R², mean over the targets"
    assert re.fullmatch(r"It explains 8\d\.\d % of the variation of 2 targets, on 200 .*\.", told["sentence"])
    assert told["baseline"] == "Always answering the means would explain nothing of it."


def test_a_report_names_the_groups_of_its_samples():
    metric = Metric(0.9, 0.8, 0.95, 60, groups=20)
    page = render(Report("Signs", "classify", {"accuracy": metric}))
    assert "From 60 pictures in 20 groups; those of one group are alike" in page


def test_classes_that_have_no_place_on_the_sample_sheet_are_counted():
    picture = np.zeros((4, 4), np.uint8)
    labels = [f"class {k}" for k in range(30)]
    samples = [(label, [picture]) for label in labels[:SHEET_CLASSES]]
    page = render(Report("Many", "classify", {}, labels=labels, samples=samples))
    assert f"{30 - SHEET_CLASSES} more classes are not shown." in page
    page = render(Report("Landmarks", "regress", {}, labels=labels, samples=[("training pictures", [picture])]))
    assert "not shown" not in page


def test_the_headline_of_pairs_counts_pairs():
    figures = {"perplexity": Metric(1.3, 1.2, 1.4, 41230), "sequence_accuracy": Metric(0.174, 0.14, 0.21, 500)}
    text = Page(render(Report("t", "seq2seq", figures, split="test", unit="pairs"))).text
    assert "17.4 % Exactly right on 87 of 500 pairs it had never seen." in text
    assert "as unsure" not in text


def test_the_headline_of_labels_says_what_f1_is():
    figures = {"map": Metric(0.9, 0.8, 0.95, 60), "micro_f1": Metric(0.712, 0.6, 0.8, 60)}
    text = Page(render(Report("t", "multilabel", figures, split="test"))).text
    assert "precision and recall have a harmonic mean (micro F1) of 71.2 %." in text


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ("val", "also chose the model"),
        ("train", "pictures it was trained on"),
        ("all", "It learned from most of these pictures"),
        ("other", "Right on 1 of 2 pictures of other data."),
        ("", "Right on 1 of 2 pictures."),
    ],
)
def test_what_the_model_had_seen_is_not_called_unseen(split, says):
    text = Page(render(Report("t", "classify", {"accuracy": Metric(0.5, 0.1, 0.9, 2)}, split=split))).text
    assert says in text
    assert "never seen" not in text


def test_the_baseline_is_the_largest_class(full):
    report = examples.classified(examples.CIFAR)
    support = report.confusion.sum(1)
    assert f"Always answering “{examples.CIFAR[support.argmax()]}” would be right on" in Page(full).text


def test_a_training_report_has_every_section_in_order(full):
    page = Page(full)
    assert page.sections == ["figures", "mistakes", "confusion", "per-class", "use", "data", "training", "made"]
    linked = [a["href"] for a in page.all("a")]
    assert linked == [f"#{name}" for name in page.sections]


@pytest.mark.parametrize(
    ("report", "sections"),
    [
        (examples.classified(examples.CIFAR, trained=False), "figures mistakes confusion per-class use"),
        (examples.regressed(), "figures scatter mistakes per-class"),
        (examples.labelled(), "figures per-class"),
        (Report("nothing", "classify", {}), ""),
        (Report("timing", "classify", {}, timing=Timing(train=5)), "training"),
        (Report("few rows", "classify", {}, curves=[{"loss": 1.0}, {"lr": "x"}]), ""),
    ],
)
def test_a_section_without_data_is_left_out(report, sections):
    page = Page(render(report))
    assert page.sections == sections.split()
    assert [a["href"] for a in page.all("a")] == [f"#{name}" for name in page.sections]


def test_nothing_is_asked_of_the_network_and_no_script_runs(full):
    page = Page(full)
    assert "http:" not in full
    assert "https:" not in full
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    assert all(a["src"].startswith("data:image/") for a in page.all("img"))
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("count", [len(examples.HOSTILE), 30, 100])
def test_hostile_names_are_harmless_text(count):
    labels = examples.HOSTILE + [f"class {i}" for i in range(count - len(examples.HOSTILE))]
    report = replace(examples.classified(labels), title=labels[0], model=labels[1], run=labels[3], command=labels[2])
    html = render(report)
    page = Page(html)
    assert not {"script", "iframe"} & {tag for tag, _ in page.tags}
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}{% raw %}" in page.text
    assert "new\\nline\\x00nul" in page.text
    assert not any(mark in html for mark in "\u202e\u200f\x00\ud800")
    assert "x" * 100 not in html
    html.encode()  # no broken Unicode is left


def test_headings_do_not_skip_a_level(full):
    levels = [int(tag[1]) for tag, _ in Page(full).tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_accessible_names(full):
    page = Page(full)
    assert all(a.get("alt") for a in page.all("img"))
    assert all(a.get("aria-label") for a in page.all("svg"))
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_weakest_class_comes_first_and_all_can_be_seen():
    labels = [f"class {i}" for i in range(40)]
    report = examples.classified(labels)
    weakest = min(report.per_class, key=lambda row: row["f1"])
    page = Page(render(report))
    after = page.text.split("The ten weakest", 1)[1].split("Class Precision Recall F1 Pictures", 1)[1]
    assert after.strip().startswith(weakest["label"])
    assert "All 40, the weakest first" in page.text


def test_the_interval_of_recall_is_of_the_pictures_of_its_class():
    assert cell("recall", {"recall": 0.5, "support": 10}) == ("50.0 %", "24–76")


def test_most_frequent_mix_ups():
    matrix = np.array([[8, 2, 0], [0, 9, 1], [5, 0, 5]])
    text = Page(render(Report("t", "classify", {}, labels="abc", confusion=matrix))).text
    assert "Most frequent mix-ups True Taken for Times Of its class c a 5 50.0 % a b 2 20.0 % b c 1 10.0 %" in text


def test_no_mistake_at_all():
    text = Page(render(Report("t", "classify", {}, labels="ab", confusion=np.eye(2, dtype=np.int64)))).text
    assert "It mixed up nothing." in text


def test_commands_survive_being_pasted(full):
    assert """smalti predict 'runs/it'"'"'s mine' photo.jpg""" in Page(full).text
    assert """smalti.load("runs/it's mine")""" in Page(full).text


def test_one_picture_cannot_tell_how_sure():
    text = Page(render(Report("t", "regress", {"mae": Metric(3.0, None, None, 1, share=False)}))).text
    assert "Too few pictures to say how sure this number is." in text


def test_durations_are_said_as_people_do():
    text = Page(render(Report("t", "classify", {}, timing=Timing(0.4, 288, 7500)))).text
    assert "Data 0.4 s Training 4 min 48 s Evaluation 2 h 05 min" in text


@pytest.mark.parametrize(("size", "classes"), [(32, 10), (300, 30)])
def test_the_file_stays_small(tmp_path, size, classes):
    path = write_report(tmp_path / "report.html", examples.classified([f"c{i}" for i in range(classes)], size=size))
    assert 50_000 < path.stat().st_size < 2_000_000
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_float_picture_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        render(Report("t", "classify", {}, mistakes=[Mistake(np.zeros((4, 4)), "a", "b", "c", 0.5)]))
