// The tensors of an encoder: names as in Hugging Face files, and shapes from the record. A module
// path is a name without `.weight`.
import type { TensorSpec } from '../families/family.ts';
import { linearSpecs, normSpecs } from '../families/tensor-specs.ts';
import type { EncoderConfig } from './config.ts';
import { encoderFamilies } from './families.ts';

/** Every tensor of the encoder and its head, in the order of computation. */
export function encoderTensors(config: EncoderConfig): readonly TensorSpec[] {
  const blocks = Array.from({ length: config.L }, (_, layer) => blockTensors(config, layer));
  return [...inletTensors(config), ...blocks.flat(), ...headTensors(config)];
}

/** Names of the tensors before the first block. */
export function inletNames({ root }: Pick<EncoderConfig, 'root'>) {
  const at = `${root}.embeddings`;
  return {
    words: `${at}.word_embeddings.weight`,
    positions: `${at}.position_embeddings.weight`,
    segments: `${at}.token_type_embeddings.weight`,
    norm: `${at}.LayerNorm`,
  } as const;
}

function inletTensors(config: EncoderConfig): readonly TensorSpec[] {
  const { V, H, positions, segments } = config;
  const names = inletNames(config);
  const table = (name: string, rows: number, field: string): TensorSpec => ({
    ...{ name, place: 'embedding', kind: 'table', shape: [rows, H], isPartOfTable: false },
    from: `${field}=${rows} and hidden_size=${H}`,
  });
  return [
    table(names.words, V, 'vocab_size'),
    table(names.segments, segments, 'type_vocab_size'),
    table(names.positions, positions, 'max_position_embeddings'),
    ...normSpecs(names.norm, 'embedding', H, `hidden_size=${H}`),
  ];
}

/** Module path of a block. */
export function blockPath(config: Pick<EncoderConfig, 'root'>, layer: number): string {
  return `${blocksPath(config)}.${layer}`;
}

/** Module path of all blocks. */
export function blocksPath({ root }: Pick<EncoderConfig, 'root'>): string {
  return `${root}.encoder.layer`;
}

function blockTensors(config: EncoderConfig, layer: number): readonly TensorSpec[] {
  const { H, I } = config;
  const path = blockPath(config, layer);
  const hidden = `hidden_size=${H}`;
  const inner = `intermediate_size=${I}`;
  return [
    ...['query', 'key', 'value'].flatMap((role) =>
      linearSpecs(`${path}.attention.self.${role}`, layer, [H, H], hidden),
    ),
    ...linearSpecs(`${path}.attention.output.dense`, layer, [H, H], hidden),
    ...normSpecs(`${path}.attention.output.LayerNorm`, layer, H, hidden),
    ...linearSpecs(`${path}.intermediate.dense`, layer, [I, H], `${inner} and ${hidden}`),
    ...linearSpecs(`${path}.output.dense`, layer, [H, I], `${hidden} and ${inner}`),
    ...normSpecs(`${path}.output.LayerNorm`, layer, H, hidden),
  ];
}

function headTensors({ family, H, labels, initialStd: std }: EncoderConfig): readonly TensorSpec[] {
  const { dense, out } = encoderFamilies[family].head;
  const hidden = `hidden_size=${H}`;
  return [
    ...ofHead(linearSpecs(dense, 'head', [H, H], hidden), std),
    ...ofHead(linearSpecs(out, 'head', [labels, H], `${labels} classes and ${hidden}`), std),
  ];
}

/** Made where the files lack them: weights normal, biases zeros. PEFT trains `classifier`. */
function ofHead(tensors: readonly TensorSpec[], std: number): readonly TensorSpec[] {
  return tensors.map((spec) => {
    const besideAdapter = spec.name.startsWith('classifier.') ? 'Always' : 'IfMade';
    return { ...spec, made: { besideAdapter, std: spec.kind === 'bias' ? 0 : std } };
  });
}

/** Parts of files that a classifier does not compute: heads of other tasks, stored indices. */
const ignored = [/^cls\./, /^lm_head\./, /(^|\.)embeddings\.(position|token_type)_ids$/];

/**
 * The worker's name of a tensor in a file; null for one that classification does not use. Files of
 * the encoder alone have its tensors without a prefix; files of before 2019 say gamma and beta.
 */
export function encoderName(nameInFile: string, { family }: EncoderConfig): string | null {
  if (ignored.some((pattern) => pattern.test(nameInFile))) return null;
  const renamed = nameInFile
    .replace(/\.LayerNorm\.gamma$/, '.LayerNorm.weight')
    .replace(/\.LayerNorm\.beta$/, '.LayerNorm.bias');
  const name = /^(embeddings|encoder|pooler)\./.test(renamed) ? `${family}.${renamed}` : renamed;
  // The head of RoBERTa has a layer of its own in the place of the pooler.
  return family === 'roberta' && name.startsWith('roberta.pooler.') ? null : name;
}
