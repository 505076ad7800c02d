// A base that was cut out of another model: its `pruning.json`, checked against its configuration,
// and which rows and columns of each matrix of the whole model it has.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { TerminalError, UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';
import {
  type KeptPlaces,
  type PrunedModel,
  prunedModel,
  pruningFile,
} from '../../crds/wire/pruned-model.ts';
import type { ModelConfig } from '../families/family.ts';
import { readBoundedSync } from '../files/bounded-file.ts';
import { type DecoderConfig, decoderConfig } from './config.ts';
import type { ModelOnDisk } from './model-headers.ts';
import { type DecoderTensor, type Role, tensorSpecs } from './names.ts';

export interface PrunedBase {
  /** The whole model. */
  readonly base: PrunedModel['base'];
  readonly config: DecoderConfig;
  /** Its tensors, by name. */
  readonly specs: ReadonlyMap<string, DecoderTensor>;
  /** What was kept of each block. */
  readonly layers: readonly KeptPlaces[];
}

type HeadSizes = Pick<DecoderConfig, 'I' | 'NH' | 'NK' | 'D'>;

/** Rows of a tensor of a block that are kept; null for all. Query heads follow their key head. */
export function keptRows(whole: HeadSizes, role: Role, kept: KeptPlaces): readonly number[] | null {
  const { I, NH, NK, D } = whole;
  const { channels, heads } = kept;
  const keyed = inRuns(heads, D);
  const queried = inRuns(heads, (NH / NK) * D);
  switch (role) {
    case 'q':
      return queried;
    case 'k':
    case 'v':
      return keyed;
    case 'qkv':
      return [...queried, ...behind(keyed, NH * D), ...behind(keyed, (NH + NK) * D)];
    case 'gate':
    case 'up':
      return channels;
    case 'gateUp':
      return [...channels, ...behind(channels, I)];
    default:
      return null;
  }
}

/** Columns of a matrix of a block that are kept; null for all. */
export function keptColumns(
  { NH, NK, D }: HeadSizes,
  role: Role,
  { channels, heads }: KeptPlaces,
): readonly number[] | null {
  if (role === 'down') return channels;
  return role === 'o' ? inRuns(heads, (NH / NK) * D) : null;
}

/** The places of runs of `length` values each. */
function inRuns(runs: readonly number[], length: number): readonly number[] {
  return runs.flatMap((run) => Array.from({ length }, (_, i) => run * length + i));
}

function behind(places: readonly number[], offset: number): readonly number[] {
  return places.map((place) => place + offset);
}

/** Null for a model that is whole. `digest`: of the file that the run began with. */
export function readPrunedBase(
  { folder, format, config: own }: ModelOnDisk,
  digest?: string,
): PrunedBase | null {
  if (format !== 'safetensors') return null;
  const path = join(folder, pruningFile);
  const bytes = bytesOf(path);
  if (digest !== undefined && digest !== digestOf(bytes ?? Buffer.of())) {
    throw new TerminalError({
      code: 'E_DIGEST_MISMATCH',
      message: `${path} is another file than the one that the run began with, whose SHA-256 is ${digest}`,
      hint: 'put it back: it says where in the whole model the trained values belong',
    });
  }
  return bytes === undefined ? null : parsePrunedBase(bytes, path, own);
}

/** Of the model whose configuration is `own`. */
export function parsePrunedBase(bytes: Uint8Array, path: string, own: ModelConfig): PrunedBase {
  const parsed = prunedModel.safeParse(contentsOf(path, bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(path, `${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
  }
  const { base, full, layers } = parsed.data;
  const config = decoderConfig(own);
  const whole: DecoderConfig = {
    ...config,
    I: full.intermediate_size,
    NH: full.num_attention_heads,
    NK: full.num_key_value_heads,
    D: full.head_dim,
  };
  requireFits(path, config, whole, layers);
  const specs = new Map(tensorSpecs(whole).map((spec) => [spec.name, spec]));
  return { base, config: whole, specs, layers };
}

/** Undefined where there is no such file. */
function bytesOf(path: string): Buffer | undefined {
  try {
    return readBoundedSync(path, jsonLimits.prunedModel.bytes);
  } catch (cause) {
    if (cause instanceof RefusedBytes) throw invalid(path, `it ${cause.message}`, cause);
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}

function contentsOf(path: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, jsonLimits.prunedModel);
  } catch (cause) {
    if (cause instanceof RefusedBytes) throw invalid(path, `it ${cause.message}`, cause);
    throw cause;
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function requireFits(
  path: string,
  own: DecoderConfig,
  whole: DecoderConfig,
  layers: PrunedModel['layers'],
): void {
  const differs = (what: string, found: number, wanted: number) => {
    if (found === wanted) return;
    throw invalid(path, `${what} is ${found}; by config.json it must be ${wanted}`);
  };
  differs('the number of layers', layers.length, own.L);
  differs('head_dim', whole.D, own.D);
  differs('query heads of a key/value head', whole.NH / whole.NK, own.NH / own.NK);
  for (const [layer, { channels, heads }] of layers.entries()) {
    differs(`the number of channels of layer ${layer}`, channels.length, own.I);
    differs(`the number of heads of layer ${layer}`, heads.length, own.NK);
    for (const [what, places, size] of [
      ['channels', channels, whole.I],
      ['heads', heads, whole.NK],
    ] as const) {
      if (places.every((place, i) => place < size && place > (places[i - 1] ?? -1))) continue;
      throw invalid(path, `${what} of layer ${layer} must rise, and be below ${size}`);
    }
  }
}

function invalid(path: string, message: string, cause?: unknown): UserError {
  return new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `${path}: ${message}`,
    hint: 'take the whole folder that the pruning job published, or one that was trained from it',
    cause,
  });
}
