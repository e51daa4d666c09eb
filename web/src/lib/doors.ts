// Where one begins: real jobs, the examples of the project themselves.
import finetune from "../../../examples/llama-3.1-8b-qlora.toml?raw";
import pretrain from "../../../examples/llama-3.2-1b-pretrain.toml?raw";
import own from "../../../examples/own-cards.toml?raw";

export const doors = [
  { name: "Fine-tune a model", about: "an 8B model with QLoRA, anywhere", file: finetune },
  { name: "Pre-train", about: "a 1B model from nothing, within a week", file: pretrain },
  { name: "I have these GPUs", about: "two cards of one's own at home", file: own },
];
