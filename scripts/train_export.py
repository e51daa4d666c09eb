"""A plan exported for TRL trains to its end on the processor, in as many steps as outlay said.

usage: train_export.py OUTLAY FOLDER

Model and data are made here: a Llama of two layers with random weights, and 48 short texts.
"""

import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", TOKENIZERS_PARALLELISM="false")

SAMPLES, LENGTH, EPOCHS, BATCH, MICRO = 48, 32, 2, 8, 2


def make(folder):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = "a plan says how long it takes and what it costs to train a small model on some text".split()
    chance = random.Random(0)
    texts = [" ".join(chance.choices(words, k=20)) for _ in range(SAMPLES)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=384, special_tokens=special))
    names = dict(unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    wrapped.save_pretrained(folder + "/model")
    config = LlamaConfig(
        vocab_size=len(wrapped), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder + "/model")
    with open(folder + "/train.jsonl", "w") as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in texts)


def main():
    outlay, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    make(folder)
    with open(folder + "/job.toml", "w") as job:
        job.write(f"""
[model]
base = "./model"
[method]
kind = "lora"
rank = 8
base_dtype = "fp32"
[data]
path = "train.jsonl"
samples = {SAMPLES}
mean_len = {LENGTH}
seq_len = {LENGTH}
packing = false
epochs = {EPOCHS}
[train]
global_batch = {BATCH}
precision = "fp32"
recompute = "none"
learning_rate = 1e-3
[hardware]
accelerators = ["l4"]
gpus = 1
[layout]
micro_batch = {MICRO}
""")
    subprocess.run([outlay, "export", "job.toml", "--to", "trl", "--out", "."], cwd=folder, check=True)
    with open(folder + "/sft.yaml") as config:
        said = int(re.search(r"^# (\d+) steps of", config.read(), re.MULTILINE).group(1))
    # The file is run as it was written; said beside it is that there is no GPU, and that checkpoints tell the steps.
    command = [sys.executable, "-m", "trl.scripts.sft", "--config", "sft.yaml"]
    subprocess.run([*command, "--use_cpu=true", "--save_strategy=epoch"], cwd=folder, check=True)
    done = 0
    for checkpoint in glob.glob(folder + "/out/checkpoint-*/trainer_state.json"):
        with open(checkpoint) as state:
            done = max(done, json.load(state)["global_step"])
    assert done == said, f"{done} steps were made, outlay said {said}"
    print(f"trained: {done} steps, as outlay said")


if __name__ == "__main__":
    main()
