// An adapter generator as files of one folder: what its processes tell each other. Each file is
// written once, then renamed into place, but for checkpoint.safetensors, which is replaced.
//
//   generator-run.json      who, what, where               `anneal generate`
//   tasks/<name>/           run folder of its records      prepare
//   examples/<name>/        the same, of an asked adapter  prepare
//   collected.json          what adapters have in common   collect
//   collected.safetensors   adapters, task vectors         collect
//   checkpoint.safetensors  the network after some epochs  fit
//   generator/              the network                    fit
//   generated.json          adapters that were made        generate
//   outcome.json            how it ended                   `anneal generate`
import * as z from 'zod';
import { generatorSpec } from '../api/adapter-generator.ts';
import { digest, localWork } from './local-work.ts';

const count = z.int().min(0);
const reals = z.array(z.number()).readonly();

export const generatorFiles = {
  run: 'generator-run.json',
  tasks: 'tasks',
  examples: 'examples',
  collected: 'collected.json',
  collectedTensors: 'collected.safetensors',
  checkpoint: 'checkpoint.safetensors',
  generator: 'generator',
  network: 'generator.json',
  networkTensors: 'generator.safetensors',
  generated: 'generated.json',
} as const;

export const generatorRun = z.object({ ...localWork, spec: generatorSpec });

export type GeneratorRun = z.output<typeof generatorRun>;

/** What a vector has: factors of each layer, one after the other. */
const vectorForm = z.object({
  /** Digest of the base. */
  base: z.string().max(200),
  rank: z.int().min(1).max(65_536),
  /** By their last parts. */
  targets: z.array(z.string().max(256)),
  layers: z.array(
    z.object({ path: z.string().max(1024), in: z.int().min(1), out: z.int().min(1) }),
  ),
  statistics: z.object({ means: reals, deviations: reals }),
  conditions: z.object({ mean: reals, deviation: z.number() }),
});

export type VectorForm = z.output<typeof vectorForm>;

/** By row of the vectors: the task, and the SHA-256 of the tensors of the adapter. */
const source = z.object({ task: z.string(), sha256: digest });

export const collectedRecord = z.object({
  version: z.literal(1),
  form: vectorForm,
  sources: z.array(source),
  /** Of the tensors of all adapters. */
  adapterBytes: count,
  /** Prompts behind each task vector: tasks first, then asked adapters with examples. */
  prompts: z.array(count),
});

export type CollectedRecord = z.output<typeof collectedRecord>;

export const networkRecord = z.object({
  version: z.literal(1),
  form: vectorForm,
  sizes: z.object({
    latent: z.int().min(1).max(65_536),
    channels: z.array(z.int().min(2).max(4096)).min(1).max(24),
    kernel: z.int().min(3).max(15),
  }),
  sources: z.array(source),
  epochs: z.int().min(1),
  /** Of the last epoch: mean square of standardised numbers, and nats. */
  loss: z.object({ error: z.number(), divergence: z.number() }),
  /** SHA-256 of the tensors. */
  tensors: digest,
  bytes: count,
  adapterBytes: count,
});

export type NetworkRecord = z.output<typeof networkRecord>;

const loss = z.number().nullable();

const generatedAdapter = z.object({
  name: z.string(),
  task: z.string().optional(),
  seed: count,
  /** SHA-256 of its tensors. */
  tensors: digest,
  /** Of the base, of the own adapter of the task, and of the generated one, on the same records. */
  losses: z.object({ base: loss, own: loss.optional(), generated: loss }),
  /** Norm of the difference from the change of the own adapter, over the norm of that. */
  error: z.number().optional(),
});

export type GeneratedAdapter = z.output<typeof generatedAdapter>;

export const generatedRecord = z.object({
  version: z.literal(1),
  name: z.string(),
  bytes: count,
  adapterBytes: count,
  adapters: z.array(generatedAdapter),
});

export type GeneratedRecord = z.output<typeof generatedRecord>;
