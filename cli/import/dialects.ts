// The configuration keys of four trainers. A key that is in none of these tables is reported to the
// user: nothing is dropped silently.
import {
  type Dialect,
  decimal,
  flag,
  isTrue,
  notYet,
  optimizerOf,
  scheduleOf,
  Told,
  targetsOf,
  text,
  type Wanted,
  whole,
} from './wanted.ts';

export const dialectNames = ['TRL', 'LLaMA-Factory', 'axolotl', 'torchtune'] as const;
export type DialectName = (typeof dialectNames)[number];

const ignored = (...keys: readonly string[]): Dialect =>
  Object.fromEntries(keys.map((key) => [key, 'Ignored']));

const quantized = 'quantized bases are not imported; the weights keep their type';

/** Transformers' Trainer, which three of the four extend. */
const trainer: Dialect = {
  learning_rate: decimal('learningRate'),
  num_train_epochs: decimal('epochs'),
  max_steps: whole('maxSteps'),
  per_device_train_batch_size: whole('microBatch'),
  gradient_accumulation_steps: whole('accumulation'),
  lr_scheduler_type: scheduleOf,
  warmup_steps: whole('warmupSteps'),
  warmup_ratio: () =>
    new Told('warmup_ratio depends on the number of steps; write schedule.warmupSteps'),
  weight_decay: decimal('weightDecay'),
  max_grad_norm: decimal('clipNorm'),
  optim: optimizerOf,
  seed: whole('seed'),
  save_steps: whole('saveSteps'),
  eval_steps: whole('evalSteps'),
  output_dir: text('output'),
  bf16: (value) => (isTrue(value) ? { float32: false } : {}),
  fp16: notYet('float16 is not supported; bfloat16 is used'),
  gradient_checkpointing: flag('recompute'),
  deepspeed: notYet('DeepSpeed is not used; spec.parallelism says how a model is sharded'),
  ...ignored(
    ...['logging_steps', 'logging_strategy', 'logging_dir', 'report_to', 'run_name', 'push_to_hub'],
    ...[
      'overwrite_output_dir',
      'save_strategy',
      'eval_strategy',
      'evaluation_strategy',
      'do_train',
    ],
    ...['do_eval', 'save_total_limit', 'ddp_timeout', 'dataloader_num_workers', 'plot_loss'],
    ...['preprocessing_num_workers', 'overwrite_cache', 'trust_remote_code', 'save_only_model'],
    ...['per_device_eval_batch_size', 'eval_on_start', 'gradient_checkpointing_kwargs', 'tf32'],
    ...['resume_from_checkpoint', 'hub_model_id', 'save_safetensors', 'attn_implementation'],
  ),
};

const trl: Dialect = {
  ...trainer,
  model_name_or_path: text('model'),
  dataset_name: text('data'),
  dataset_num_proc: 'Ignored',
  max_length: whole('sequenceLength'),
  max_seq_length: whole('sequenceLength'),
  packing: flag('packed'),
  use_peft: (value) => ({ full: !isTrue(value) }),
  lora_r: whole('rank'),
  lora_alpha: decimal('alpha'),
  lora_dropout: decimal('dropout'),
  lora_target_modules: targetsOf,
  use_rslora: flag('rankStabilized'),
  dtype: (value) => ({ float32: String(value) === 'float32' }),
  torch_dtype: (value) => ({ float32: String(value) === 'float32' }),
  load_in_4bit: notYet(quantized),
  load_in_8bit: notYet(quantized),
  use_dora: notYet('DoRA is not supported; plain LoRA is used'),
};

const llamaFactory: Dialect = {
  ...trainer,
  model_name_or_path: text('model'),
  dataset: text('data'),
  stage: (value) =>
    value === 'sft' ? {} : new Told(`stage ${String(value)} is not supported; only sft is`),
  finetuning_type: (value) => {
    if (value === 'full' || value === 'lora') return { full: value === 'full' };
    return new Told(`finetuning_type ${String(value)} is not supported; lora is used`);
  },
  cutoff_len: whole('sequenceLength'),
  max_samples: whole('maxSamples'),
  packing: flag('packed'),
  template: (value) =>
    new Told(
      `template ${String(value)}: the chat template of the model is used; chatTemplate names another`,
    ),
  lora_rank: whole('rank'),
  lora_alpha: decimal('alpha'),
  lora_dropout: decimal('dropout'),
  lora_target: targetsOf,
  use_rslora: flag('rankStabilized'),
  loraplus_lr_ratio: decimal('learningRateRatio'),
  val_size: (value) => ({ heldOutPercent: String(100 * Number(value)) }),
  quantization_bit: notYet(quantized),
  use_dora: notYet('DoRA is not supported; plain LoRA is used'),
  ...ignored('dataset_dir', 'flash_attn', 'dataloader_num_workers', 'quantization_method'),
};

const axolotl: Dialect = {
  ...trainer,
  base_model: text('model'),
  datasets: (value) => {
    const [first, second] = Array.isArray(value) ? value : [];
    const path = (first as { path?: unknown } | undefined)?.path;
    if (second !== undefined) return new Told('several datasets: a job has one; merge the records');
    return typeof path === 'string' ? { data: path } : {};
  },
  adapter: (value): Partial<Wanted> | Told => {
    if (value === 'qlora') return new Told(`adapter qlora: ${quantized}`);
    return { full: value !== 'lora' };
  },
  sequence_len: whole('sequenceLength'),
  sample_packing: flag('packed'),
  micro_batch_size: whole('microBatch'),
  num_epochs: decimal('epochs'),
  lr_scheduler: scheduleOf,
  optimizer: optimizerOf,
  val_set_size: (value) => ({ heldOutPercent: String(100 * Number(value)) }),
  lora_r: whole('rank'),
  lora_alpha: decimal('alpha'),
  lora_dropout: decimal('dropout'),
  lora_target_modules: targetsOf,
  lora_target_linear: (value) => (isTrue(value) ? { targets: ['AllLinear'] } : {}),
  peft_use_rslora: flag('rankStabilized'),
  loraplus_lr_ratio: decimal('learningRateRatio'),
  load_in_4bit: notYet(quantized),
  load_in_8bit: notYet(quantized),
  chat_template: (value) =>
    new Told(
      `chat_template ${String(value)}: the template of the model is used; chatTemplate names another`,
    ),
  ...ignored(
    ...['flash_attention', 'wandb_project', 'wandb_entity', 'wandb_name', 'wandb_watch', 'strict'],
    ...[
      'wandb_log_model',
      'dataset_prepared_path',
      'pad_to_sequence_len',
      'model_type',
      'tokenizer_type',
    ],
    ...[
      'saves_per_epoch',
      'evals_per_epoch',
      'special_tokens',
      'lora_model_dir',
      'train_on_inputs',
    ],
    ...['group_by_length', 'early_stopping_patience', 'local_rank', 'debug', 'fsdp', 'fsdp_config'],
  ),
};

const torchtune: Dialect = {
  'model._component_': (value) => {
    if (/qlora/.test(String(value))) return new Told(quantized);
    return { full: !/lora_/.test(String(value)) };
  },
  'model.lora_rank': whole('rank'),
  'model.lora_alpha': decimal('alpha'),
  'model.lora_dropout': decimal('dropout'),
  'model.lora_attn_modules': targetsOf,
  'model.apply_lora_to_mlp': (value) => (isTrue(value) ? { targets: ['AllLinear'] } : {}),
  'checkpointer.checkpoint_dir': text('model'),
  'tokenizer.max_seq_len': whole('sequenceLength'),
  'dataset.source': text('data'),
  'dataset.packed': flag('packed'),
  batch_size: whole('microBatch'),
  gradient_accumulation_steps: whole('accumulation'),
  epochs: decimal('epochs'),
  max_steps_per_epoch: whole('maxSteps'),
  'optimizer._component_': optimizerOf,
  'optimizer.lr': decimal('learningRate'),
  'optimizer.weight_decay': decimal('weightDecay'),
  'lr_scheduler._component_': scheduleOf,
  'lr_scheduler.num_warmup_steps': whole('warmupSteps'),
  clip_grad_norm: decimal('clipNorm'),
  dtype: (value) => ({ float32: value === 'fp32' }),
  enable_activation_checkpointing: flag('recompute'),
  enable_activation_offloading: flag('recompute'),
  seed: whole('seed'),
  output_dir: text('output'),
  ...ignored(
    ...['device', 'compile', 'shuffle', 'log_every_n_steps', 'log_peak_memory_stats', 'log_level'],
    ...['resume_from_checkpoint', 'save_adapter_weights_only', 'model.apply_lora_to_output'],
    ...[
      'optimizer.fused',
      'metric_logger._component_',
      'metric_logger.log_dir',
      'loss._component_',
    ],
    ...[
      'dataset._component_',
      'tokenizer._component_',
      'tokenizer.path',
      'checkpointer.model_type',
    ],
    ...['checkpointer._component_', 'checkpointer.checkpoint_files', 'checkpointer.output_dir'],
    ...['checkpointer.recipe_checkpoint', 'profiler', 'dataset.split', 'optimizer_in_bwd'],
  ),
};

export const dialects: Readonly<Record<DialectName, Dialect>> = {
  TRL: trl,
  'LLaMA-Factory': llamaFactory,
  axolotl,
  torchtune,
};

/** Keys that only one trainer writes. */
const marks: readonly (readonly [DialectName, RegExp])[] = [
  ['torchtune', /\._component_$/],
  ['axolotl', /^(base_model|sequence_len|sample_packing|micro_batch_size)$/],
  ['LLaMA-Factory', /^(finetuning_type|cutoff_len|lora_target|stage|template)$/],
  ['TRL', /^(model_name_or_path|dataset_name|use_peft|max_length)$/],
];

export function dialectOf(keys: readonly string[]): DialectName | undefined {
  return marks.find(([, mark]) => keys.some((key) => mark.test(key)))?.[0];
}
