// What `prepare` and `publish` put in place, read back from what they wrote, as the termination
// message has it.
import { relative } from 'node:path';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { evaluationWords } from '../../crds/evaluation/in-words.ts';
import type { ArtifactEvaluation } from '../../crds/wire/artifact-evaluation.ts';
import {
  type PreparedRecord,
  preparedRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import { runReport } from '../../crds/wire/run-report.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { type FeedSizes, openFeed } from '../data/feed.ts';
import { type ModelOnDisk, readModelHeaders } from '../decoder/model-headers.ts';
import { readPrunedBase } from '../decoder/pruned-base.ts';
import { factsOf } from '../decoder/registry.ts';
import { storedBfloat16 } from '../decoder/stored-bfloat16.ts';
import { trajectorySizes } from '../denoising/trajectory-sizes.ts';
import { readOptionsOf } from '../families/read-options.ts';
import { requirePreparedFor } from '../prepare/prepared-pictures.ts';
import { readRecord, requireRecord } from '../run-folder.ts';

type Prepared = NonNullable<TerminationMessage['prepared']>;
type Published = NonNullable<TerminationMessage['published']>;

export async function readPrepared(runFolder: string): Promise<Prepared> {
  const { spec } = await requireRecord(runFolder, runFiles.run, runRecord);
  return wordsOf(spec, await requireRecord(runFolder, runFiles.prepared, preparedRecord));
}

export async function wordsOf(
  spec: FineTuneJobSpec,
  { model, data }: PreparedRecord,
): Promise<Prepared> {
  const headers = readModelHeaders(model.path, readOptionsOf(spec));
  const sizes = await sizesOf(spec, data, headers);
  const skipped = Object.values(data.skipped).reduce((sum, count) => sum + count, 0);
  const cut = readPrunedBase(headers);
  return {
    model: {
      digest: model.digest,
      ...(cut && { wholeDigest: cut.base.digest }),
      family: headers.config.family,
      format: headers.format === 'gguf' ? 'GGUF' : 'Safetensors',
      facts: factsOf(headers.config, headers),
      storedBfloat16: storedBfloat16(headers),
    },
    dataset: {
      ...{ digest: data.digest, samples: data.samples, tokens: data.tokens, skipped },
      targetTokens: data.targetTokens,
      sequences: sizes.sequences,
      longest: sizes.largestSequence,
    },
  };
}

async function sizesOf(
  spec: FineTuneJobSpec,
  data: PreparedRecord['data'],
  headers: ModelOnDisk,
): Promise<FeedSizes> {
  if (data.train === undefined) return trajectorySizes(spec, headers.config);
  await requirePreparedFor(headers, data.train);
  using feed = await openFeed(spec, data, new AbortController().signal);
  return feed;
}

export async function readPublished(
  runFolder: string,
  volumes: Readonly<Record<string, string>>,
): Promise<Published> {
  const { artifacts } = await requireRecord(runFolder, runFiles.report, runReport);
  const { spec } = await requireRecord(runFolder, runFiles.run, runRecord);
  // A job that names no folder keeps a copy in its run, which nobody was promised.
  const { local, persistentVolumeClaim: claim } = spec.output.destination ?? {};
  const keepsFolder = local !== undefined || claim !== undefined;
  const said = artifacts.flatMap((artifact) => {
    const { format, path, bytes, digest, uris: uploaded = [], evaluation } = artifact;
    const told = evaluation === undefined ? {} : toldOf(evaluation);
    const uris = [...(keepsFolder ? [uriOf(path, volumes)] : []), ...uploaded];
    return uris.map((uri) => ({
      ...{ type: format, uri, bytes },
      ...(digest === undefined ? {} : { digest }),
      ...told,
    }));
  });
  const prepared = await readRecord(runFolder, runFiles.prepared, preparedRecord);
  const model = prepared === null ? undefined : servedModelOf(spec, prepared);
  return { artifacts: said.slice(0, mostUris), ...(model && { model }) };
}

/** An adapter of a model that was cut out of another one is for that one. */
function servedModelOf(spec: FineTuneJobSpec, { model }: PreparedRecord): Published['model'] {
  const headers = readModelHeaders(model.path, readOptionsOf(spec));
  if (readPrunedBase(headers) !== null) return undefined;
  return { facts: factsOf(headers.config, headers), storedBfloat16: storedBfloat16(headers) };
}

type Told = Pick<Published['artifacts'][number], 'verdict' | 'evaluation'>;

function toldOf(evaluation: ArtifactEvaluation): Told {
  const { verdict = 'Disabled' } = evaluation;
  // One that was refused is nowhere.
  if (verdict === 'Refuse') return {};
  return { verdict, evaluation: evaluationWords(evaluation) };
}

/** As many as fit into a termination message. */
const mostUris = 16;

/** `pvc://claim/path`: the folder where a claim is mounted means nothing outside of the pod. */
function uriOf(path: string, volumes: Readonly<Record<string, string>>): string {
  for (const [claim, folder] of Object.entries(volumes)) {
    const below = relative(folder, path);
    if (!below.startsWith('..') && below !== path) return `pvc://${claim}/${below}`;
  }
  return `file://${path}`;
}
