"""Feeds exported files to the programs they are written for, without a GPU.

usage: verify_exports.py CHECK FILE...

Each check asks the program's own parser and cross checks; an unknown key is an error wherever the program has a strict way to
read. A line a file, and exit status 1 if one was refused.
"""

import json
import logging
import os
import sys
import warnings

os.environ.update(
    HF_HUB_OFFLINE="1",
    CUDA_VISIBLE_DEVICES="",
    DISABLE_VERSION_CHECK="1",
    AXOLOTL_DO_NOT_TRACK="1",
    DO_NOT_TRACK="1",
    DS_ACCELERATOR="cpu",
    DSTACK_SKIP_VERSION_CHECK="1",
    SKYPILOT_DISABLE_USAGE_COLLECTION="1",
)
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def mapping(path):
    import yaml

    with open(path) as text:
        return yaml.safe_load(text)


def with_bf16():
    """No GPU is here: bf16 is taken as given."""
    import transformers.training_args as arguments

    arguments.is_torch_bf16_gpu_available = lambda *_, **__: True


def trl(path):
    with_bf16()
    from trl.scripts.sft import make_parser

    # The parser of TRL's own script, mixtures of data sets included.
    _, training, model, *_ = make_parser().parse_args_and_config(["--config", path])
    return training.per_device_train_batch_size, training.max_length, model.lora_r if model.use_peft else "full"


def transformers(path):
    with_bf16()
    from transformers import HfArgumentParser, TrainingArguments

    (training,) = HfArgumentParser(TrainingArguments).parse_json_file(path)
    return training.per_device_train_batch_size, str(training.optim)


def accelerate(path):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(path)
    return config.distributed_type, config.num_machines, config.num_processes


def axolotl(path):
    from axolotl.utils.config import validate_config
    from axolotl.utils.dict import DictDefault

    config = mapping(path)
    # Plugins are code: they are not loaded here.
    config.pop("plugins", None)
    valid = validate_config(DictDefault(config))
    return valid.micro_batch_size, valid.sequence_len


def llama_factory(path):
    with_bf16()
    import llamafactory.hparams.parser as parser

    parser.is_torch_bf16_gpu_available = lambda *_, **__: True
    config = mapping(path)
    # Needs processes of torchrun; the JSON is checked by DeepSpeed itself.
    config.pop("deepspeed", None)
    model, data, training, finetuning, _ = parser.get_train_args(config)
    return finetuning.stage, finetuning.finetuning_type, data.cutoff_len, training.per_device_train_batch_size


def deepspeed(path):
    import deepspeed.runtime.config as config

    config.dist.get_rank = lambda *_, **__: 0
    with open(path) as text:
        settings = json.load(text)
    each = settings["train_micro_batch_size_per_gpu"] * settings["gradient_accumulation_steps"]
    ranks = settings["train_batch_size"] // each

    class Ranks:
        def get_data_parallel_world_size(self):
            return ranks

        def get_model_parallel_world_size(self):
            return 1

        def get_data_parallel_group(self):
            return None

    read = config.DeepSpeedConfig(settings, mpu=Ranks())
    assert read.train_batch_size == settings["train_batch_size"], "the batch does not come out"
    return read.zero_config.stage, read.train_batch_size


def torchtune(path):
    from omegaconf import OmegaConf
    from torchtune import config

    config.validate(OmegaConf.load(path))
    return ("valid",)


def torchtitan(path):
    from torchtitan.config import ConfigManager

    read = ConfigManager().parse_args(["--job.config_file", path])
    return read.model.flavor, read.training.local_batch_size, read.parallelism.tensor_parallel_degree


def skypilot(path):
    from sky.task import Task

    task = Task.from_yaml(path)
    return task.name, task.num_nodes, list(task.resources)[0].accelerators


def dstack(path):
    from dstack._internal.core.models.configurations import parse_apply_configuration

    return type(parse_apply_configuration(mapping(path))).__name__, "task"


def lost(before, after, at=""):
    """Fields that a reader dropped."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"{at}.{key}"
            else:
                yield from lost(value, after[key], f"{at}.{key}")
    elif isinstance(before, list):
        for place, value in enumerate(before):
            one = after[place] if isinstance(after, list) and place < len(after) else None
            yield from lost(value, one, f"{at}[{place}]")


def kubernetes(path):
    from kubeflow_trainer_api import models

    document = mapping(path)
    kinds = {"TrainJob": models.TrainerV1alpha1TrainJob, "JobSet": models.JobsetV1alpha2JobSet}
    dropped = list(lost(document, kinds[document["kind"]].from_dict(document).to_dict()))
    assert not dropped, "unknown fields: " + ", ".join(dropped)
    return document["kind"], document["metadata"]["name"]


def litgpt(path):
    """LitGPT's own command line, which checks names and types and leaves before any work."""
    import contextlib
    import io

    config = mapping(path)
    task = "pretrain" if "model_name" in config else "finetune_lora" if "lora_r" in config else "finetune_full"
    sys.argv = ["litgpt", task, "--config", path, "--print_config"]
    from litgpt.__main__ import main as run

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            run()
    except SystemExit as left:
        assert left.code in (0, None), said.getvalue()[-600:]
    return task, config["train"]["micro_batch_size"]


def megatron(path):
    """The arguments of a script before Megatron-LM's own parser and its cross checks, up to the model's config."""
    import contextlib
    import io
    import re
    import shlex
    import typing

    import typing_extensions

    # megatron-core asks for Python 3.12; this is all it takes from it.
    if not hasattr(typing, "override"):
        typing.override = typing_extensions.override
    import torch

    # No GPU is here: a Blackwell is taken as given, which has all the formats.
    torch.cuda.get_device_capability = lambda *_, **__: (10, 0)
    torch.cuda.get_device_properties = lambda *_, **__: type("Properties", (), {"major": 10, "minor": 0})
    import megatron.training.arguments as program
    from megatron.training.arguments import core_transformer_config_from_args, parse_args, validate_args

    # Transformer Engine is built for a GPU: it is taken as there, and new.
    program.is_te_min_version = lambda *_, **__: True

    with open(path) as text:
        script = text.read()
    words = re.search(r"^ARGUMENTS=\(\n(.*?)^\)$", script, re.DOTALL | re.MULTILINE).group(1)
    devices = job()["hardware"]["gpus"]
    one_queue = "--use-megatron-fsdp" not in words
    os.environ.update(WORLD_SIZE=str(devices), RANK="0", CUDA_DEVICE_MAX_CONNECTIONS="1" if one_queue else "8")
    sys.argv = ["pretrain_gpt.py", *shlex.split(words, comments=True)]
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            args = parse_args()
        except SystemExit as left:
            raise ValueError(said.getvalue()[-600:]) from left
        validate_args(args)
        # Fused by Transformer Engine, which is built for a GPU.
        args.apply_rope_fusion = False
        core_transformer_config_from_args(args)
    return args.tensor_model_parallel_size, args.pipeline_model_parallel_size, args.data_parallel_size


def pretended(*names):
    """Modules that are built for an accelerator, or do no more than run: whatever is asked of them is there."""
    import importlib.abc
    import importlib.machinery
    import types
    import unittest.mock

    class Anything(type):
        def __getattr__(cls, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return unittest.mock.MagicMock()

    class Module(types.ModuleType):
        def __getattr__(self, name):
            if name == "__version__":
                return "99.0"
            if name.startswith("__"):
                raise AttributeError(name)
            # What is written large is a class, which others inherit from.
            value = Anything(name, (), {}) if name[0].isupper() else unittest.mock.MagicMock()
            setattr(self, name, value)
            return value

    class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        def find_spec(self, name, path=None, target=None):
            if any(name == one or name.startswith(f"{one}.") for one in names):
                return importlib.machinery.ModuleSpec(name, self, is_package=True)
            return None

        def create_module(self, spec):
            return Module(spec.name)

        def exec_module(self, module):
            pass

    if not any(type(finder).__name__ == "Finder" for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())


def job():
    """The job that lies beside an export."""
    import tomllib

    with open("outlay.toml", "rb") as text:
        return tomllib.load(text)


def preset(hub):
    """The config of a model as the catalog has it: the hub is not asked."""
    import tomllib

    models = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../crates/outlay-catalog/data/models")
    with open(f"{models}/index.toml", "rb") as text:
        rows = tomllib.load(text)["model"]
    name = next(row["name"] for row in rows if hub in [row.get("hub"), row["name"], *row.get("also", [])])
    with open(f"{models}/{name}.json") as text:
        return json.load(text)


def megatron_bridge(path):
    """The script of an export up to training: Megatron-Bridge's own dataclasses, model and cross checks."""
    import typing

    import typing_extensions

    if not hasattr(typing, "override"):
        typing.override = typing_extensions.override
    pretended(
        "transformer_engine", "transformer_engine_torch", "nvidia_resiliency_ext", "modelopt", "wandb", "comet_ml", "mlflow",
        "megatron.energon", "qwen_vl_utils", "timm", "open_clip", "torch.utils.tensorboard", "hydra",
    )
    import torch

    # No GPU is here: a Blackwell is taken as given, which has all the formats.
    torch.cuda.get_device_capability = lambda *_, **__: (10, 0)
    torch.cuda.get_device_properties = lambda *_, **__: type("Properties", (), {"major": 10, "minor": 0})
    import transformers
    from megatron.bridge import AutoBridge
    from megatron.bridge.training.config import runtime_config_update
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as architectures

    def of_catalog(hub):
        config = preset(hub)
        kind = config.pop("model_type")
        config["architectures"] = [architectures[kind]]
        return AutoBridge.from_hf_config(transformers.AutoConfig.for_model(kind, **config))

    AutoBridge.from_hf_pretrained = of_catalog
    settings = mapping(path)
    os.environ.update(WORLD_SIZE=str(job()["hardware"]["gpus"]), RANK="0", LOCAL_RANK="0")
    one_queue = "use_megatron_fsdp" not in settings["ddp"]
    os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] = "1" if one_queue else "8"
    # The weights, of which only the folder is looked for.
    os.makedirs("pretrained", exist_ok=True)
    space = {"__name__": "exported"}
    with open("bridge.py") as script:
        exec(compile(script.read(), "bridge.py", "exec"), space)
    config = space["config"]
    runtime_config_update(config)
    for section, keys in settings.items():
        for key, value in keys.items() if isinstance(keys, dict) else []:
            now = getattr(getattr(config, section), key)
            known = isinstance(value, (int, float)) or key == "hf_model_id"
            assert not known or now == value, f"{section}.{key} became {now} instead of {value}"
    return config.model.num_layers, config.train.micro_batch_size, config.data_parallel_size


def maxtext(path):
    """MaxText's own reader: its base, the file of the model, this file, and the cross checks of all."""
    pretended("orbax", "pathwaysutils")
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    from maxtext.configs import pyconfig

    wanted = job()
    # The accelerators are pretended: as many as the plan has.
    jax.devices = lambda *_: [None] * wanted["hardware"]["gpus"]
    read = pyconfig.initialize_pydantic(["", path], skip_jax_distributed_system=True)
    batch = wanted["train"]["global_batch"]
    assert read.global_batch_size_to_train_on == batch, f"{read.global_batch_size_to_train_on} sequences, not {batch}"
    settings = mapping(path)
    for key in settings.keys() - {"base_config", "lora", "steps"}:
        now = getattr(read, key)
        assert not isinstance(settings[key], (int, float)) or now == settings[key], f"{key} became {now}"
    return read.model_name, read.per_device_batch_size, read.num_target_devices


def slurm(path):
    """bash on its syntax, and sbatch on its options: without a controller it reads them all and then fails to find one."""
    import shutil
    import subprocess
    import tempfile

    subprocess.run(["bash", "-n", path], check=True)
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        return ("shell alone: sbatch is not installed (Debian: slurm-client)",)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write("ClusterName=check\nSlurmctldHost=localhost\nAuthType=auth/none\nCredType=cred/none\n")
        conf.write("MessageTimeout=1\nGresTypes=gpu\n")
        conf.flush()
        said = subprocess.run(
            [sbatch, "--test-only", path], env=dict(os.environ, SLURM_CONF=conf.name), capture_output=True, text=True
        ).stderr
    assert "contact slurm controller" in said, said.strip()
    return ("sbatch read its options",)


def ray(path):
    """The driver runs on a ray of this process with as many accelerators as it wants; the training itself is `true`."""
    import ray as program

    # The accelerators are pretended: none may be told to be hidden.
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    with open(path) as text:
        lines = text.read().split("\n")
    lines = ['COMMAND = "true"' if line.startswith("COMMAND = ") else line for line in lines]
    lines = ["" if line == "ray.init()" else line for line in lines]
    program.init(num_gpus=8, num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        exec(compile("\n".join(lines), path, "exec"), {"__name__": "__main__"})
    finally:
        program.shutdown()
    return ("ran",)


CHECKS = {
    check.__name__: check
    for check in [
        trl, transformers, accelerate, axolotl, llama_factory, deepspeed, torchtune, torchtitan, skypilot, dstack, kubernetes,
        litgpt, megatron, megatron_bridge, maxtext, slurm, ray,
    ]
}


def main():
    check, paths = CHECKS[sys.argv[1]], [os.path.abspath(path) for path in sys.argv[2:]]
    refused = 0
    for path in paths:
        try:
            # Files name one another as they lie: the programs are started in their folder.
            os.chdir(os.path.dirname(path))
            print("accepted", path, *check(path))
        # Parsers of command lines leave by SystemExit.
        except (Exception, SystemExit) as error:
            refused += 1
            print("refused ", path, type(error).__name__, " | ".join(str(error).split("\n"))[:600])
    sys.exit(bool(refused))


if __name__ == "__main__":
    main()
