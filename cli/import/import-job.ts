// Converts the configuration of another trainer to a job file, and lists every setting without an
// equivalent.
import { parse, stringify } from 'yaml';
import {
  apiVersion,
  formatProblems,
  invariant,
  kind,
  nearestName,
  parseManifest,
  UserError,
} from '../../crds/index.ts';
import { sourceOf } from '../init/written-source.ts';
import { type DialectName, dialectNames, dialectOf, dialects } from './dialects.ts';
import { Told, type Wanted } from './wanted.ts';

interface Imported {
  readonly from: DialectName;
  /** The job file. */
  readonly text: string;
  /** Keys in no table, each with a similar known key. */
  readonly unknown: readonly { readonly key: string; readonly near?: string }[];
  /** Differences from the original, as sentences. */
  readonly notes: readonly string[];
}

export function importJob(text: string, file: string): Imported {
  const flat = flattened(parsedYaml(text, file));
  const from = dialectOf([...flat.keys()]);
  if (from === undefined) {
    throw new UserError({
      code: 'E_INVALID_SPEC',
      message: `${file} is not a configuration of a known trainer`,
      hint: `known are ${dialectNames.join(', ')}; anneal init writes a job from a few answers`,
    });
  }
  const table = dialects[from];
  const wanted: Wanted = {};
  const notes: string[] = [];
  const unknown: { key: string; near?: string }[] = [];
  for (const [key, value] of flat) {
    const rule = table[key] ?? table[key.split('.')[0] ?? ''];
    if (rule === undefined) {
      const near = nearestName(key, Object.keys(table));
      unknown.push({ key, ...(near === undefined ? {} : { near }) });
    } else if (rule !== 'Ignored') {
      const done = rule(table[key] === undefined ? undefined : value);
      if (done instanceof Told) notes.push(done.words);
      else Object.assign(wanted, done);
    }
  }
  for (const [name, what] of [
    ['model', 'model'],
    ['data', 'data to train on'],
  ] as const) {
    if (wanted[name] !== undefined) continue;
    notes.push(`the ${what} was not found; replace OWNER/NAME with it`);
    wanted[name] = 'OWNER/NAME';
  }
  const job = jobText(wanted, from);
  const made = parseManifest(job, 'job');
  invariant(made.ok, made.ok ? '' : formatProblems(made.problems));
  return { from, text: job, unknown, notes };
}

function parsedYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw notYaml(file, error);
  }
}

function notYaml(file: string, cause: unknown): UserError {
  const words = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  return new UserError({ code: 'E_INVALID_SPEC', message: `${file} is no YAML: ${words}`, cause });
}

/** Lists stay whole; `model: {lora_rank: 8}` becomes `model.lora_rank`. */
function flattened(value: unknown, prefix = ''): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return flat;
  for (const [key, child] of Object.entries(value)) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (child === null || child === undefined) continue;
    if (typeof child === 'object' && !Array.isArray(child)) {
      for (const [inner, leaf] of flattened(child, path)) flat.set(inner, leaf);
    } else flat.set(path, child);
  }
  return flat;
}

function jobText(wanted: Wanted, from: DialectName): string {
  const exists = (): boolean => false;
  const model = sourceOf(wanted.model ?? '', exists);
  const data = sourceOf(wanted.data ?? '', exists);
  const local = model.isLocal || data.isLocal;
  const micro = wanted.microBatch ?? 1;
  const globalBatchSize = micro * (wanted.accumulation ?? 1);
  const name = model.name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const spec = {
    model: { source: model.source },
    dataset: {
      train: data.source,
      ...(Number(wanted.heldOutPercent ?? 0) > 0
        ? { heldOut: { percent: wanted.heldOutPercent } }
        : {}),
      sequenceLength: wanted.sequenceLength ?? 1024,
      ...(wanted.maxSamples === undefined ? {} : { maxSamples: wanted.maxSamples }),
      packing: wanted.packed === true ? 'Packed' : 'None',
    },
    method: methodOf(wanted),
    training: {
      ...(wanted.maxSteps === undefined
        ? { epochs: wanted.epochs ?? '1' }
        : { maxSteps: wanted.maxSteps }),
      globalBatchSize,
      microBatchSize: micro,
      learningRate: wanted.learningRate ?? '5e-5',
      schedule: { type: wanted.schedule ?? 'Linear', warmupSteps: wanted.warmupSteps ?? 0 },
      ...(wanted.clipNorm === undefined || Number(wanted.clipNorm) === 0
        ? {}
        : { gradientClip: { mode: 'Global', norm: wanted.clipNorm } }),
      ...(wanted.seed === undefined ? {} : { seed: wanted.seed }),
      ...(wanted.evalSteps === undefined
        ? {}
        : { evaluation: { intervalSteps: wanted.evalSteps } }),
    },
    ...(wanted.recompute === true ? { parallelism: { activationRecomputation: 'Full' } } : {}),
    ...(wanted.saveSteps === undefined ? {} : { checkpoint: { intervalSteps: wanted.saveSteps } }),
    output: {
      formats: [wanted.full === true ? 'MergedSafetensors' : 'PEFTAdapter'],
      destination: local
        ? { local: { path: wanted.output ?? 'results' } }
        : { persistentVolumeClaim: { claimName: 'results' } },
    },
  };
  const metadata = { name: name === '' || /^\d+$/.test(name) ? 'job' : name.slice(0, 40) };
  return `# Made by anneal import from a file of ${from}.\n${stringify({ apiVersion, kind, metadata, spec })}`;
}

function methodOf(wanted: Wanted): object {
  const { optimizer = 'AdamW', weightDecay } = wanted;
  const member = { AdamW: 'adamW', AdamW8bit: 'adamW8bit', SGD: 'sgd' }[optimizer];
  const common = {
    precision: { type: wanted.float32 === true ? 'Float32' : 'BFloat16' },
    optimizer: {
      type: optimizer,
      ...(weightDecay === undefined ? {} : { [member]: { weightDecay } }),
    },
  };
  if (wanted.full === true) return { preset: 'Full', ...common };
  const lora = {
    rank: wanted.rank ?? 16,
    ...(wanted.alpha === undefined ? {} : { alpha: wanted.alpha }),
    ...(wanted.dropout === undefined || Number(wanted.dropout) === 0
      ? {}
      : { dropout: wanted.dropout }),
    ...(wanted.targets === undefined ? {} : { targetModules: wanted.targets }),
    ...(wanted.rankStabilized === true ? { scaling: 'RankStabilized' } : {}),
    ...(wanted.learningRateRatio === undefined
      ? {}
      : { learningRateRatio: wanted.learningRateRatio }),
  };
  return { preset: 'LoRA', adapter: { type: 'LoRA', lora }, ...common };
}
