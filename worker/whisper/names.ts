// The tensors of Whisper: names as in Hugging Face files, and shapes from the record. A module path
// is a name without `.weight`. Between encoder and decoder lies a place of its own: the last norm
// of the one, and the tables of the other.
import type { TensorSpec } from '../families/family.ts';
import { lastNormSpecs, linearSpecs, normSpecs } from '../families/tensor-specs.ts';
import type { WhisperConfig } from './config.ts';

/** The inlet of the encoder, that of the decoder, and the outlet. */
export const places = { encoder: 'encoder', decoder: 'decoder', head: 'head' } as const;

/** Names outside the blocks. */
export const names = {
  firstConvolution: 'model.encoder.conv1',
  secondConvolution: 'model.encoder.conv2',
  sourcePositions: 'model.encoder.embed_positions.weight',
  encoderNorm: 'model.encoder.layer_norm',
  tokens: 'model.decoder.embed_tokens.weight',
  targetPositions: 'model.decoder.embed_positions.weight',
  decoderNorm: 'model.decoder.layer_norm',
  /** In files that have it, the table of tokens again. */
  head: 'proj_out.weight',
} as const;

/** Every tensor, in the order of computation. */
export function whisperTensors(config: WhisperConfig): readonly TensorSpec[] {
  const blocks = Array.from({ length: config.L }, (_, layer) => blockTensors(config, layer));
  return [
    ...inletTensors(config),
    ...blocks.slice(0, config.encoderBlocks).flat(),
    ...betweenTensors(config),
    ...blocks.slice(config.encoderBlocks).flat(),
    ...lastNormSpecs(names.decoderNorm, places.head, config.H, `d_model=${config.H}`),
  ];
}

function inletTensors({ H, mels, sourcePositions }: WhisperConfig): readonly TensorSpec[] {
  const hidden = `d_model=${H}`;
  const spec = { place: places.encoder, isPartOfTable: false } as const;
  const convolution = (path: string, inputs: number, from: string): readonly TensorSpec[] => [
    { ...spec, name: `${path}.weight`, kind: 'linear', shape: [H, inputs, 3], from },
    { ...spec, name: `${path}.bias`, kind: 'bias', shape: [H], from: hidden },
  ];
  return [
    ...convolution(names.firstConvolution, mels, `${hidden} and num_mel_bins=${mels}`),
    ...convolution(names.secondConvolution, H, hidden),
    {
      // Sinusoids, which a configuration for shorter sounds has the first rows of.
      ...{ ...spec, name: names.sourcePositions, kind: 'table', isPartOfTable: true },
      ...{ shape: [sourcePositions, H], isFixed: true },
      from: `max_source_positions=${sourcePositions} and ${hidden}`,
    },
  ];
}

function betweenTensors(config: WhisperConfig): readonly TensorSpec[] {
  const { V, H, contextLength } = config;
  const table = (name: string, rows: number, field: string): TensorSpec => ({
    ...{ name, place: places.decoder, kind: 'table', shape: [rows, H], isPartOfTable: false },
    from: `${field}=${rows} and d_model=${H}`,
  });
  return [
    ...normSpecs(names.encoderNorm, places.decoder, H, `d_model=${H}`),
    table(names.tokens, V, 'vocab_size'),
    table(names.targetPositions, contextLength, 'max_target_positions'),
  ];
}

/** Module path of a block, by its number through both halves. */
export function blockPath({ encoderBlocks }: WhisperConfig, layer: number): string {
  return layer < encoderBlocks
    ? `model.encoder.layers.${layer}`
    : `model.decoder.layers.${layer - encoderBlocks}`;
}

function blockTensors(config: WhisperConfig, layer: number): readonly TensorSpec[] {
  const { H, I, encoderBlocks } = config;
  const path = blockPath(config, layer);
  const half = layer < encoderBlocks ? 'encoder' : 'decoder';
  const hidden = `d_model=${H}`;
  const inner = `${half}_ffn_dim=${I}`;
  const at = (name: string, shape: readonly [number, number], from = hidden) =>
    linearSpecs(`${path}.${name}`, layer, shape, from);
  const attention = (module: string): readonly TensorSpec[] => [
    ...normSpecs(`${path}.${module}_layer_norm`, layer, H, hidden),
    ...at(`${module}.q_proj`, [H, H]),
    // Keys have no bias.
    ...at(`${module}.k_proj`, [H, H]).slice(0, 1),
    ...at(`${module}.v_proj`, [H, H]),
    ...at(`${module}.out_proj`, [H, H]),
  ];
  return [
    ...attention('self_attn'),
    ...(half === 'decoder' ? attention('encoder_attn') : []),
    ...normSpecs(`${path}.final_layer_norm`, layer, H, hidden),
    ...at('fc1', [I, H], `${inner} and ${hidden}`),
    ...at('fc2', [H, I], `${hidden} and ${inner}`),
  ];
}

/** The worker's name of a tensor in a file. Files of the model without a head have no prefix. */
export function whisperName(nameInFile: string): string | null {
  return /^(encoder|decoder)\./.test(nameInFile) ? `model.${nameInFile}` : nameInFile;
}
