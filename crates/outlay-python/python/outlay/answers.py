"""The types of answers: what is in them, in which unit.

Generated from docs/reference/*.schema.json by `cargo xtask codegen`; not to be edited.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._base import Answer

__all__ = [
    "AcceleratorRow",
    "Assumption",
    "Changed",
    "Choice",
    "Diff",
    "Finish",
    "Hosted",
    "Interval",
    "Job",
    "Layout",
    "Lever",
    "Levers",
    "Line",
    "Loader",
    "Loser",
    "ModelRow",
    "Moved",
    "OfferRow",
    "Plan",
    "Quality",
    "Quantile",
    "Relaxation",
    "Response",
    "Search",
    "Stage",
    "Standing",
    "Stopping",
    "Sweep",
    "Term",
    "Terms",
]


@dataclass(frozen=True, repr=False)
class AcceleratorRow(Answer):
    """An accelerator. Peaks are dense; `None` where a format is not supported or the peak is unknown."""

    id: str
    """Its key, for `hardware.accelerators`."""

    name: str
    """As people write it."""

    architecture: str
    """Generation."""

    memory_gib: float
    """Memory."""

    memory_bandwidth_gb_s: float
    """Bandwidth of that memory."""

    bf16_tflops: float | None
    """Dense peak in bf16."""

    fp16_tflops: float | None
    """Dense peak in fp16."""

    fp32_tflops: float | None
    """Dense peak in fp32."""

    fp4_tflops: float | None
    """Dense peak in fp4."""

    fp8_tflops: float | None
    """Dense peak in fp8."""

    lowest_provider: str | None
    """Who asks that."""

    lowest_usd_per_hour: float | None
    """Lowest on-demand price of one for an hour; `None`: nobody in the catalog rents it."""

    tdp_w: float | None
    """Power it may draw."""


@dataclass(frozen=True, repr=False)
class Assumption(Answer):
    """A default that was used."""

    key: str
    """The key that sets it."""

    value: str
    """What was assumed."""

    reason: str
    """Why that."""


@dataclass(frozen=True, repr=False)
class Changed(Answer):
    """A key that is written differently."""

    key: str
    """Dotted key of the job."""

    after: str | None
    """Its value after; `None`: it is no longer written."""

    before: str | None
    """Its value before; `None`: it was not written."""


@dataclass(frozen=True, repr=False)
class Choice(Answer):
    """A key that varies and the value chosen."""

    key: str
    """Dotted key of the job."""

    value: str
    """Its value."""


@dataclass(frozen=True, repr=False)
class Diff(Answer):
    """The answer to `diff`."""

    version: int
    """Version of this shape."""

    verdict: str
    """In a sentence."""

    changes: tuple[Changed, ...]
    """Keys that are written differently."""

    figures: tuple[Moved, ...]
    """Figures before and after."""

    after: Plan | None
    """The best plan after; `None`: none is feasible."""

    before: Plan | None
    """The best plan before; `None`: none was feasible."""

    cost: Term | None
    """What it costs more, term by term, USD."""

    time: Term | None
    """What it takes longer, term by term, hours."""


@dataclass(frozen=True, repr=False)
class Finish(Answer):
    """When a run is finished: how long its steps take, how many it needs and what interrupts it, played out for many runs."""

    quantiles: tuple[Quantile, ...]
    """Shares of the runs and when they are done, in order."""

    deadline_hours: float | None
    """The latest end, by the deadline or by how long the machines are there; `None`: any time will do."""

    in_time: float | None
    """Chance that it is done by then."""


@dataclass(frozen=True, repr=False)
class Hosted(Answer):
    """A hosted service that trains such a model."""

    provider: str
    """Who."""

    tier: str
    """Which of its offers."""

    usd: float
    """What this job would cost there."""

    as_of: str
    """Day of the price."""

    break_even_tokens: float | None
    """Tokens from which on training oneself is cheaper; `None`: never, or always."""


@dataclass(frozen=True, repr=False)
class Interval(Answer):
    """A figure with its 80 % interval."""

    mid: float
    """The forecast."""

    low: float
    """One in ten is below."""

    high: float
    """One in ten is above."""


@dataclass(frozen=True, repr=False)
class Job(Answer):
    """The job as it was understood."""

    model: str
    """Model name."""

    params: int
    """Stored parameters."""

    active_params: int
    """Parameters a token passes through."""

    trained_params: int
    """Parameters that are trained."""

    method: str
    """Method."""

    stack: str
    """Training program."""

    tokens: int
    """Tokens trained on, all passes."""

    seq_len: int
    """Tokens of a sequence."""

    global_batch: int
    """Sequences of a step."""


@dataclass(frozen=True, repr=False)
class Layout(Answer):
    """How the work is split."""

    dp: int
    """Data-parallel replicas."""

    tp: int
    """Tensor-parallel width."""

    pp: int
    """Pipeline stages."""

    vpp: int
    """Virtual stages."""

    stage_layers: int
    """Layers of a full stage, where they are dealt out by hand; 0: evenly."""

    cp: int
    """Context-parallel width."""

    ep: int
    """Expert-parallel width."""

    zero: str
    """`none`, `zero1`, `zero2`, `zero3`."""

    shard: int
    """Ranks that share one sharded copy."""

    micro_batch: int
    """Sequences of one forward pass."""

    accumulation: int
    """Micro-batches of a step."""

    recompute: str
    """`none`, `selective`, `4/8 of layers`, `full`."""

    offload: str
    """`none`, `optimizer`, `optimizer+parameters`."""

    schedule: str
    """`gpipe`, `1f1b`, `zero-bubble`, `dualpipe`."""


@dataclass(frozen=True, repr=False)
class Lever(Answer):
    """A step of one lever."""

    group: str
    """`hardware`, `architecture`, `method`, `dynamics`, `precision`, `sweep`, `lasting`, `layout`, `data`."""

    lever: str
    """Key of the job."""

    change: str
    """From what to what."""

    why: str
    """What it does, in a line."""

    set: dict[str, object]
    """The keys that take the step, dotted, each with its new value; `None`: the key is left out."""

    other_machines: bool
    """It does not fit the machines of the plan, or is about machines: these are others."""

    after: Standing | None
    """Where the job stands after it; `None`: impossible."""

    impossible: str | None
    """Why it cannot be done."""


@dataclass(frozen=True, repr=False)
class Levers(Answer):
    """The answer to `levers`."""

    version: int
    """Version of this shape."""

    levers: tuple[Lever, ...]
    """Every step of every lever, those that move the goal most first; what is impossible last."""

    standing: Standing | None
    """Where the job stands; `None`: no plan is feasible."""


@dataclass(frozen=True, repr=False)
class Line(Answer):
    """A line of a bill, or its sum."""

    name: str
    """What it is."""

    value: float
    """How much, in the unit of its tree."""

    unit: str
    """Unit: `USD`."""

    note: str
    """How it comes about."""

    parts: tuple[Line, ...]
    """What it is the sum of."""

    interval: Interval | None
    """What it is at both ends of the sum's 80 % interval: lines grow with the time together, so their ends add up to those of the sum. `None`: it is the same whatever the time."""


@dataclass(frozen=True, repr=False)
class Loader(Answer):
    """How data are fed to the machines."""

    workers_needed: int
    """Processes on one machine with which the accelerators do not wait."""

    waiting: float
    """Share of a step that is waited."""


@dataclass(frozen=True, repr=False)
class Loser(Answer):
    """An alternative to the pick."""

    differs: str
    """What is different: `accelerator`, `provider`, `purchase`, `count`, `layout`."""

    reason: str
    """Why it lost, in words."""

    plan: Plan
    """What it is."""


@dataclass(frozen=True, repr=False)
class ModelRow(Answer):
    """A model preset, with what is derived from its architecture."""

    name: str
    """Its name, for `model.base`."""

    aliases: tuple[str, ...]
    """Other names that are understood."""

    family: str
    """Family of architectures."""

    params: int
    """Stored parameters."""

    active_params: int
    """Parameters a token passes through."""

    layers: int
    """Layers."""

    hidden: int
    """Width of the residual stream."""

    hub: str | None
    """Its `org/name` on the Hugging Face hub; `None`: not there."""


@dataclass(frozen=True, repr=False)
class Moved(Answer):
    """A figure before and after."""

    name: str
    """What it is."""

    unit: str
    """Unit; empty for counts and shares."""

    after: float | None
    """After; `None`: unknown."""

    before: float | None
    """Before; `None`: unknown."""

    change: float | None
    """Share by which it grew; `None`: unknown."""


@dataclass(frozen=True, repr=False)
class OfferRow(Answer):
    """A machine at a price."""

    provider: str
    """Provider."""

    region: str
    """Region."""

    instance: str
    """The provider's machine."""

    accelerator: str
    """Accelerator key."""

    accelerators: int
    """Accelerators of one machine."""

    purchase: str
    """`on-demand`, `spot`, `reserved-1y`, `reserved-3y`."""

    usd_per_hour: float
    """Price of one machine for an hour."""

    usd_per_accelerator_hour: float
    """The same for each accelerator."""

    as_of: str
    """Day of the price."""

    source: str
    """Where it was read."""


@dataclass(frozen=True, repr=False)
class Plan(Answer):
    """A plan and its forecast."""

    choices: tuple[Choice, ...]
    """What was chosen of the keys that vary; empty where none does."""

    provider: str
    """Provider."""

    region: str
    """Region."""

    instance: str
    """The provider's machine."""

    purchase: str
    """`on-demand`, `spot`, `reserved-1y`, `reserved-3y`, `owned`, `block`, or a mixture such as `2 in 4 on-demand, spot`."""

    price_as_of: str
    """Day of the price; empty where there is none."""

    price_source: str
    """Where the price was read."""

    accelerator: str
    """Accelerator key."""

    accelerator_name: str
    """Accelerator as people write it."""

    accelerators: int
    """Accelerators used."""

    nodes: int
    """Machines rented."""

    layout: Layout
    """How the work is split."""

    fit: str
    """`fits`, `tight` or `does-not-fit`."""

    fit_probability: float
    """Probability that it fits."""

    memory_gib: float
    """Memory of the fullest accelerator, everything together."""

    capacity_gib: float
    """Memory an accelerator has."""

    stages: tuple[Stage, ...]
    """Memory of each pipeline stage, first to last; empty without a pipeline."""

    step_s: Interval
    """Seconds of an optimizer step."""

    tokens_per_s_per_accelerator: Interval
    """Tokens per second and accelerator."""

    mfu: float
    """Model FLOP utilisation; attention counted causal, recomputation not counted."""

    hfu: float
    """Hardware FLOP utilisation; recomputation counted."""

    steps: int
    """Optimizer steps."""

    hours: Interval
    """Time on the clock."""

    goodput: float
    """Useful share of the time after start-up."""

    cost_at_least: bool
    """A line of the bill has no known price: the cost is a lower bound."""

    known_hardware: bool
    """The interval rests on runs of this generation of accelerators."""

    known_stack: bool
    """The interval rests on runs of this training program."""

    terms: Terms
    """Memory, step, run and bill term by term; the parent is the sum of its parts."""

    carbon_kg: float | None
    """Carbon dioxide emitted, in kilograms; `None`: the grid or the power is unknown."""

    committed_usd: float | None
    """What a commitment obliges to in all, used or not; `None` where there is none."""

    cost_usd: Interval | None
    """Money; `None`: the price is unknown."""

    energy_kwh: Interval | None
    """Energy at the meter; `None`: power unknown."""

    finish: Finish | None
    """When it is finished, everything that is uncertain played out; `None`: not played, as it is for the pick alone."""

    loader: Loader | None
    """How data are fed to the machines; `None` where nothing is prepared on the fly."""

    loss: float | None
    """Expected loss, where keys vary: some of them change how good the model becomes."""

    machine_usd_per_hour: float | None
    """Price of one machine for an hour; `None`: unknown."""

    price_age_days: int | None
    """Age of the price in days; `None`: unknown."""


@dataclass(frozen=True, repr=False)
class Quality(Answer):
    """How good the model becomes: the expected loss on the data's own text. An index for a pretrained start."""

    loss: Interval
    """Nats a token."""

    terms: Term
    """The loss part by part."""

    updates: int
    """Optimizer steps."""

    best_learning_rate: float
    """The best peak learning rate for this batch."""

    best_batch_tokens: float
    """The best batch, in tokens."""

    critical_batch_tokens: float
    """The batch above which a fifth of the tokens are wasted."""

    divergence: float
    """Chance that training diverges at this rate."""

    downstream_error: float | None
    """Share of downstream questions answered wrongly, the mean of seventeen tasks; from scratch alone."""

    fullness: float | None
    """How full the trained parameters are, where not all are trained: above 1 they hold less than there is to learn."""


@dataclass(frozen=True, repr=False)
class Quantile(Answer):
    """A point of a distribution of times."""

    share: float
    """Such a share of the runs is done"""

    hours: float
    """after so many hours on the clock."""


@dataclass(frozen=True, repr=False)
class Relaxation(Answer):
    """A change under which a plan exists."""

    change: str
    """What to change, in words."""

    plan: Plan
    """The plan that then is the best."""


@dataclass(frozen=True, repr=False)
class Response(Answer):
    """The answer to `plan` and `estimate`."""

    version: int
    """Version of this shape."""

    verdict: str
    """A sentence that says it all."""

    job: Job
    """What was asked about."""

    front: tuple[Plan, ...]
    """Plans that no other beats in both cost and time, cheapest first."""

    losers: tuple[Loser, ...]
    """The nearest alternatives and why each lost."""

    relaxations: tuple[Relaxation, ...]
    """The smallest changes that would make a plan feasible, if none is."""

    quality: Quality
    """How good the model becomes."""

    hosted: tuple[Hosted, ...]
    """Hosted services that train such a model, cheapest first."""

    assumptions: tuple[Assumption, ...]
    """Defaults that were used."""

    warnings: tuple[str, ...]
    """What is legal but surprising."""

    search: Search
    """How much was looked at."""

    pick: Plan | None
    """The best plan; `None`: none is feasible."""

    stopping: Stopping | None
    """What stopping early is expected to do, if it is on."""

    sweep: Sweep | None
    """The search for settings, if there is one."""


@dataclass(frozen=True, repr=False)
class Search(Answer):
    """How much was looked at."""

    offers: int
    """Offers considered."""

    machines: int
    """Distinct machine shapes with a count."""

    surveyed: int
    """Of these, looked into; the others cannot be picked, stand on the front or be named, by their bound."""

    layouts: int
    """Legal layouts on those looked into."""

    timed: int
    """Of these, layouts whose step was timed."""

    weighed: int
    """Of these, layouts whose memory was weighed."""

    covered: int
    """Plans that the layouts stand for, each at every offer of its machines."""

    plans: int
    """Plans priced: the quickest layout of machines at one offer."""

    proven: bool
    """The pick is the best there is; `false`: the search was ended early."""

    gap: float
    """What a plan that was not seen might do better at the most, as a share of the pick's figure."""


@dataclass(frozen=True, repr=False)
class Stage(Answer):
    """Memory of the fullest accelerator of a pipeline stage, at its own fullest moment."""

    model_state_gib: float
    """Weights, gradients, optimizer state."""

    activations_gib: float
    """What is kept for the backward pass, logits, the layer at work."""

    buffers_gib: float
    """Gathered weights, temporaries, communication."""

    overhead_gib: float
    """Driver and allocator."""


@dataclass(frozen=True, repr=False)
class Standing(Answer):
    """Where a job stands."""

    machines: str
    """On which machines."""

    cost_usd: float
    """Money."""

    hours: float
    """Time on the clock."""

    memory_gib: float
    """Memory of the fullest accelerator."""

    memory_share: float
    """The same as a share of what it has."""

    loss: float
    """Expected loss, in nats a token; an index for a pretrained start."""

    divergence: float
    """Chance that training diverges."""


@dataclass(frozen=True, repr=False)
class Stopping(Answer):
    """What stopping early is expected to do."""

    saved: float
    """Share of the planned steps it saves."""

    too_soon: float
    """Chance that it stops before the best."""


@dataclass(frozen=True, repr=False)
class Sweep(Answer):
    """A search for settings."""

    kind: str
    """How trials are chosen and cut short."""

    trials: int
    """Trials started."""

    full_runs: float
    """What it costs, in full runs."""

    full_runs_of_time: float
    """How long it takes, in full runs."""

    finds_best_twentieth: float
    """Chance that it finds one of the best twentieth of all settings."""


@dataclass(frozen=True, repr=False)
class Term(Answer):
    """A named figure and what it is the sum of."""

    name: str
    """What it is."""

    value: float
    """How much, in the unit of its tree."""

    unit: str
    """Unit: `GiB`, `s`, `h`, `USD`."""

    note: str
    """How it comes about."""

    parts: tuple[Term, ...]
    """What it is the sum of."""


@dataclass(frozen=True, repr=False)
class Terms(Answer):
    """The explanation trees of a plan."""

    memory: Term
    """GiB."""

    step: Term
    """Seconds of a step."""

    run: Term
    """Hours."""

    bill: Line | None
    """USD; `None`: the price is unknown."""
