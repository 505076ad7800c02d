import test from 'ava';
import { parse } from 'yaml';
import { importJob } from '../../../cli/import/import-job.ts';

const trl = `
model_name_or_path: Qwen/Qwen2.5-0.5B
dataset_name: trl-lib/Capybara
learning_rate: 2.0e-4
num_train_epochs: 1
packing: true
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
gradient_checkpointing: true
eval_strategy: steps
eval_steps: 100
use_peft: true
lora_r: 32
lora_alpha: 16
warmup_ratio: 0.03
`;
const llamaFactory = `
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
stage: sft
finetuning_type: lora
lora_rank: 8
lora_target: all
dataset: identity
template: llama3
cutoff_len: 2048
max_samples: 1000
output_dir: saves/llama3-8b/lora/sft
logging_steps: 10
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
bf16: true
neftune_noise_alpha: 5
`;
const axolotl = `
base_model: NousResearch/Llama-3.2-1B
datasets:
  - path: teknium/GPT4-LLM-Cleaned
    type: alpaca
val_set_size: 0.05
adapter: qlora
load_in_4bit: true
sequence_len: 2048
sample_packing: true
lora_r: 16
lora_alpha: 32
lora_target_linear: true
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 1
optimizer: adamw_8bit
lr_scheduler: cosine
learning_rate: 0.0002
warmup_steps: 10
lora_fan_in_fan_out: false
`;
const torchtune = `
model:
  _component_: torchtune.models.llama3_2.lora_llama3_2_1b
  lora_attn_modules: ['q_proj', 'v_proj']
  lora_rank: 64
  lora_alpha: 128
tokenizer:
  _component_: torchtune.models.llama3.llama3_tokenizer
  max_seq_len: 512
checkpointer:
  checkpoint_dir: ./Llama-3.2-1B-Instruct
dataset:
  _component_: torchtune.datasets.alpaca_cleaned_dataset
  packed: false
seed: 7
batch_size: 4
epochs: 1
optimizer:
  _component_: torch.optim.AdamW
  weight_decay: 0.01
  lr: 3e-4
lr_scheduler:
  _component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup
  num_warmup_steps: 100
gradient_accumulation_steps: 8
dtype: bf16
`;

// That each result is a job that can be read is checked by importJob itself.
const specOf = (text: string) => parse(importJob(text, 'file.yaml').text).spec;

test('a file of TRL', (t) => {
  const found = importJob(trl, 'sft.yaml');
  t.is(found.from, 'TRL');
  t.deepEqual(found.unknown, []);
  t.regex(found.notes.join('\n'), /warmup_ratio depends on the number of steps/);
  t.like(specOf(trl), {
    model: { source: { huggingFace: { repository: 'Qwen/Qwen2.5-0.5B' } } },
    dataset: { packing: 'Packed' },
    method: { preset: 'LoRA', adapter: { lora: { rank: 32, alpha: '16' } } },
    training: { globalBatchSize: 16, microBatchSize: 2, learningRate: '0.0002', epochs: '1' },
    parallelism: { activationRecomputation: 'Full' },
  });
});

test('a file of LLaMA-Factory, with the key that nobody knows here', (t) => {
  const found = importJob(llamaFactory, 'x.yaml');
  t.is(found.from, 'LLaMA-Factory');
  t.deepEqual(
    found.unknown.map(({ key }) => key),
    ['neftune_noise_alpha'],
  );
  t.like(specOf(llamaFactory), {
    dataset: { sequenceLength: 2048, maxSamples: 1000 },
    method: { adapter: { lora: { rank: 8, targetModules: ['AllLinear'] } } },
    training: { epochs: '3', schedule: { type: 'Cosine' } },
  });
});

test('a file of axolotl that wants a quantised base is told so', (t) => {
  const found = importJob(axolotl, 'x.yaml');
  t.is(found.from, 'axolotl');
  t.regex(found.notes.join('\n'), /quantized bases are not imported/);
  t.deepEqual(
    found.unknown.map(({ key }) => key),
    ['lora_fan_in_fan_out'],
  );
  t.like(specOf(axolotl), {
    dataset: { heldOut: { percent: '5' }, packing: 'Packed' },
    method: { optimizer: { type: 'AdamW8bit' } },
    training: { globalBatchSize: 8, schedule: { type: 'Cosine', warmupSteps: 10 } },
  });
});

test('a file of torchtune, whose keys lie in groups', (t) => {
  const found = importJob(torchtune, 'x.yaml');
  t.is(found.from, 'torchtune');
  t.deepEqual(found.unknown, []);
  t.regex(found.notes.join('\n'), /data to train on was not found/);
  t.like(specOf(torchtune), {
    model: { source: { local: { path: './Llama-3.2-1B-Instruct' } } },
    method: { adapter: { lora: { rank: 64, targetModules: ['q_proj', 'v_proj'] } } },
    training: { seed: 7, globalBatchSize: 32, learningRate: '0.0003' },
  });
});

test('a file of nobody, and one that is no YAML, are told in a sentence', (t) => {
  t.throws(() => importJob('a: 1', 'x.yaml'), {
    message: 'x.yaml is not a configuration of a known trainer',
  });
  t.throws(() => importJob('a: [', 'x.yaml'), {
    code: 'E_INVALID_SPEC',
    message: /x\.yaml is no YAML/,
  });
});
