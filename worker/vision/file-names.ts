// Names of tensors in files. All versions of transformers read those of version 4; in memory,
// version 5 has others, which are ours.
import type { VisionConfig } from './config.ts';

type Rename = readonly [inFile: string, ours: string];

/** Of DINOv2, and of ViT and DeiT; the output of attention before that of the MLP. */
const attention: readonly Rename[] = [
  ['attention.attention.query', 'attention.q_proj'],
  ['attention.attention.key', 'attention.k_proj'],
  ['attention.attention.value', 'attention.v_proj'],
  ['attention.output.dense', 'attention.o_proj'],
];
const whole: readonly Rename[] = [
  ['encoder.layer', 'layers'],
  ...attention,
  ['intermediate.dense', 'mlp.fc1'],
  ['output.dense', 'mlp.fc2'],
];

function renamesOf({ family }: Pick<VisionConfig, 'family'>): readonly Rename[] {
  return family === 'dinov2' ? attention : whole;
}

/** Parts of files that a classifier does not compute: poolers, and heads of other tasks. */
const ignored = [
  /(^|\.)embeddings\.mask_token$/,
  /^((vit|deit)\.)?pooler\./,
  /^decoder\./,
  /^(cls|distillation)_classifier\./,
];

/**
 * The worker's name of a tensor in a file; null for one that classification does not use. Files of
 * a model without a head have its tensors without a prefix.
 */
export function visionName(nameInFile: string, config: Pick<VisionConfig, 'family'>) {
  if (ignored.some((pattern) => pattern.test(nameInFile))) return null;
  const isBare = /^(embeddings|encoder|layers|layernorm)\./.test(nameInFile);
  const name = isBare ? `${config.family}.${nameInFile}` : nameInFile;
  return renamesOf(config).reduce(
    (renamed, [inFile, ours]) => renamed.replace(`.${inFile}.`, `.${ours}.`),
    name,
  );
}

/** The name of a tensor in files that are written. */
export function visionNameInFiles(name: string, config: Pick<VisionConfig, 'family'>): string {
  return renamesOf(config).reduce(
    (renamed, [inFile, ours]) => renamed.replace(`.${ours}.`, `.${inFile}.`),
    name,
  );
}
