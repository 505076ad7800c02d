// The golden decoder: one toy of each family whose weights follow a rule of integers, so that any
// program in any language makes the same bits. Expected values stand in test/golden/decoder.json;
// another program computed them.
import { readFileSync } from 'node:fs';
import { type DecoderConfig, readConfig } from '../../worker/decoder/config.ts';
import { type DecoderTensor, tensorSpecs } from '../../worker/decoder/names.ts';

export interface GoldenCase {
  readonly name: string;
  /** As in `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  /** Mean over positions 0 to 10, each asked for the next id. */
  readonly loss: number;
  /** Norm over all gradients, and over the embedding's. */
  readonly gnorm: number;
  readonly gE: number;
  /** Of ids 0 to 2 at the last position. */
  readonly logits: readonly number[];
  /** Loss as documents of 5 and 7 tokens. */
  readonly packedLoss?: number;
}

interface Golden {
  readonly firstEmbedding: number;
  readonly packed: readonly number[];
  readonly cases: readonly GoldenCase[];
}

// A file of this repository, whose shape the interface states.
export const golden = JSON.parse(
  readFileSync(new URL('../golden/decoder.json', import.meta.url), 'utf8'),
) as Golden;

/** `(7 i + 3) mod 40`. */
export const goldenIds: readonly number[] = Array.from({ length: 12 }, (_, i) => (7 * i + 3) % 40);

/** Positions and document numbers of documents back to back. */
export function documents(lengths: readonly number[]) {
  return {
    positions: lengths.flatMap((length) => Array.from({ length }, (_, i) => i)),
    segments: lengths.flatMap((length, document) => Array.from({ length }, () => document)),
  };
}

export function goldenConfig({ config }: Pick<GoldenCase, 'config'>): DecoderConfig {
  return readConfig(config);
}

export interface GoldenTensor {
  readonly spec: DecoderTensor;
  readonly values: Float64Array;
}

/** All tensors of a case by name; the rule numbers them in the order of their names. */
export function goldenTensors(config: DecoderConfig): ReadonlyMap<string, GoldenTensor> {
  const sorted = [...tensorSpecs(config)].sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(
    sorted.map((spec, t) => [spec.name, { spec, values: goldenValues(config, spec, t) }]),
  );
}

/**
 * Element j of tensor t: `u = ((31 j^2 + 17 j + 101 t + 7) mod 997) / 997 - 0.5`, scaled by what
 * the tensor is.
 */
function goldenValues(config: DecoderConfig, spec: DecoderTensor, t: number): Float64Array {
  const { shape, name, part, role } = spec;
  const size = shape.reduce((product, each) => product * each, 1);
  const columns = shape.at(-1) ?? 1;
  const scaled = (u: number): number => {
    if (name.includes('norm')) return 0.4 * u + (config.normOffset === 1 ? 0 : 1);
    if (part === 'bias') return 0.4 * u;
    if (role === 'embedding' || role === 'head') return 2 * u;
    return (3 * u) / Math.sqrt(columns);
  };
  // The rule counts modulo 997, so it repeats after as many elements.
  const period = Float64Array.from({ length: Math.min(size, 997) }, (_, j) =>
    scaled(((31 * j * j + 17 * j + 101 * t + 7) % 997) / 997 - 0.5),
  );
  const values = new Float64Array(size);
  for (let j = 0; j < size; j += period.length) {
    values.set(period.subarray(0, Math.min(period.length, size - j)), j);
  }
  return values;
}
