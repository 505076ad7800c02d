// An adapter of LoRA's form from a folder in PEFT's format, for the base that it was trained on.
import { join } from 'node:path';
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { memoryConstants } from '../../crds/plan/memory-constants.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import { baseDigestKey, configFile, prefix, tensorFile } from '../publish/peft-files.ts';

const positive = z.number().positive().max(1e9);
const rank = z.int().min(1).max(65_536);

/** What of the configuration decides the numbers; the rest must be as if it were not there. */
const configSchema = z.object({
  peft_type: z.literal('LORA', 'is not LORA: only adapters of LoRA’s form are served'),
  r: rank,
  lora_alpha: positive,
  use_rslora: z.boolean().default(false),
  rank_pattern: z.record(z.string(), rank).nullish(),
  alpha_pattern: z.record(z.string(), positive).nullish(),
  use_dora: z.literal(false, 'is true, and DoRA rescales the weights').default(false),
  kasa_config: z.null('is set, and KaSA takes a part of each weight').optional(),
  bias: z.literal('none', 'is not none, and biases of adapters are not served').default('none'),
  fan_in_fan_out: z.literal(false, 'is true, and weights here are [out, in]').nullish(),
  alora_invocation_tokens: z
    .null('is set, and adapters that begin in the middle of a text are not served')
    .optional(),
  target_modules: z.unknown().optional(),
  modules_to_save: z
    .union([z.null(), z.tuple([])], 'names modules that replace those of the base')
    .optional(),
});
type PeftConfig = z.output<typeof configSchema>;

export interface AdapterFile extends Disposable {
  /** Of the base that it was trained on; undefined where the file does not say. */
  readonly baseDigest: string | undefined;
  readonly layers: readonly LinearLayer[];
  readonly scaleOf: (layer: LinearLayer) => number;
  readonly rankOf: (layer: LinearLayer) => number;
  /** Of its factors in memory. */
  readonly bytes: number;
  /** Of layers that no pattern names. */
  readonly rank: number;
  readonly scale: number;
  /** Whether the configuration names the modules that it changes. */
  readonly namesTargets: boolean;
  readonly file: SafetensorsFile;
}

/** Opens the folder and checks everything but the values. `linears` are those of the base. */
export async function openAdapter(
  folder: string,
  linears: readonly LinearLayer[],
): Promise<AdapterFile> {
  const config = await readConfig(join(folder, configFile));
  const file = openSafetensors(join(folder, tensorFile));
  try {
    const layers = linears.filter(({ path }) => file.header.tensors.has(nameOf(path, 'A')));
    requireAll(file, layers);
    for (const layer of layers) requireShapes(file, layer, rankOf(config, layer.path));
    return {
      ...{ layers, file, baseDigest: file.header.metadata.get(baseDigestKey) },
      scaleOf: ({ path }) => scaleOf(config, path),
      rankOf: ({ path }) => rankOf(config, path),
      bytes: bytesOf(config, layers),
      ...{ rank: config.r, scale: scaled(config, config.lora_alpha, config.r) },
      namesTargets: (config.target_modules ?? null) !== null,
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

export function nameOf(path: string, factor: 'A' | 'B'): string {
  return `${prefix}${path}.${factor === 'A' ? factorA : factorB}`;
}

async function readConfig(path: string): Promise<PeftConfig> {
  const read = await readJsonFile(path, jsonLimits.modelConfig).catch((cause: unknown) => {
    throw cause instanceof RefusedBytes ? invalid(`${path} ${cause.message}`) : cause;
  });
  if (read === undefined) throw invalid(`${path} is missing`);
  const { data, error } = configSchema.safeParse(read);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw invalid(`${path}: ${issue?.path.join('.')} ${issue?.message ?? 'is invalid'}`);
}

/** A pattern is the path of a module, or its end behind a dot. */
function patternOf<T>(patterns: Record<string, T> | null | undefined, path: string): T | undefined {
  const found = Object.entries(patterns ?? {}).find(
    ([key]) => key === path || path.endsWith(`.${key}`),
  );
  return found?.[1];
}

function rankOf({ r, rank_pattern: ranks }: PeftConfig, path: string): number {
  return patternOf(ranks, path) ?? r;
}

function scaleOf(config: PeftConfig, path: string): number {
  const alpha = patternOf(config.alpha_pattern, path) ?? config.lora_alpha;
  return scaled(config, alpha, rankOf(config, path));
}

function scaled({ use_rslora: isRoot }: PeftConfig, alpha: number, own: number): number {
  return alpha / (isRoot ? Math.sqrt(own) : own);
}

/** Factors are float32, whatever the file has. */
function bytesOf(config: PeftConfig, layers: readonly LinearLayer[]): number {
  const values = layers.map((one) => rankOf(config, one.path) * (one.in + one.out));
  return memoryConstants.adapterBytes * values.reduce((sum, count) => sum + count, 0);
}

/** Every tensor of the file is a factor of a layer that the base has. */
function requireAll({ path, header }: SafetensorsFile, layers: readonly LinearLayer[]): void {
  const known = new Set(layers.flatMap((one) => [nameOf(one.path, 'A'), nameOf(one.path, 'B')]));
  if (known.size === 0) throw invalid(`${path} has no factors of layers that the base has`);
  for (const name of header.tensors.keys()) {
    if (!known.has(name)) throw invalid(`${path}: tensor ${name} belongs to no layer of the base`);
  }
}

function requireShapes({ path, header }: SafetensorsFile, layer: LinearLayer, own: number): void {
  for (const factor of ['A', 'B'] as const) {
    const name = nameOf(layer.path, factor);
    const shape = header.tensors.get(name)?.shape ?? [];
    const wanted = factor === 'A' ? [own, layer.in] : [layer.out, own];
    if (shape.length === 2 && shape.every((size, i) => size === wanted[i])) continue;
    throw invalid(
      `${path}: tensor ${name} has the shape [${shape.join(', ')}]; rank and base ask for [${wanted.join(', ')}]`,
    );
  }
}

function invalid(message: string): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', message });
}
