// The trainer's data: the sequences of a step and of an evaluation, from prepared token stores.

import { invariant, TerminalError } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { evaluatedTokens, sequencesPerStep, tokensPerSequence } from '../../crds/plan/batches.ts';
import type { PreparedRecord } from '../../crds/wire/run-folder.ts';
import { withNoise } from '../diffusion/noise.ts';
import { linearSampler } from '../diffusion/sampler-config.ts';
import { noiseLevels } from '../diffusion/schedule.ts';
import type { BuildOptions } from '../engine/build-model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Batch } from './batch.ts';
import { textsBeside } from './class-texts.ts';
import { dealSequences, onlyRank, type RankAssignment } from './deal-sequences.ts';
import type { Documents } from './documents.ts';
import { chooseShots } from './few-shots.ts';
import { chooseHeldOut } from './held-out.ts';
import { jobDocuments } from './job-documents.ts';
import { openLoader, type PlannedSequence } from './loader.ts';
import { mergeSequences } from './merge-sequences.ts';
import { packSequences } from './pack.ts';
import { fillSequence } from './packed-sequences.ts';
import { openTokenStore, type TokenStore } from './token-store.ts';

/** What plans want to know of the sequences of a job. */
export interface FeedSizes {
  /** Sequences of one epoch. */
  readonly sequences: number;
  /** Over all ranks. */
  readonly sequencesPerStep: number;
  /**
   * Tokens of the largest sequence, of the largest micro-batch, and of the largest evaluated one.
   */
  readonly largestSequence: number;
  readonly largestMicroBatch: number;
  readonly largestEvaluationSequence: number;
  /** Sequences that are computed at once. */
  readonly microBatchSize: number;
  /** Fraction of tokens that are targets. */
  readonly targetShare: number;
  /** Of all texts that pictures are compared with, where they are; else 0. */
  readonly textTokens: number;
}

export interface Feed extends FeedSizes, Disposable {
  /** The global batch at a position, from 0: its totals, and the sequences of this rank. */
  batch(position: number): Batch;
  /** The sequences of all ranks. */
  allSequences(position: number): readonly HostSequence[];
  evaluationSequences(): Iterable<HostSequence>;
  /** All training documents, and those of them that count. */
  readonly training: { readonly documents: Documents; readonly members: readonly number[] };
  /** Where the base makes what is learned from: how a model is built that follows it. */
  readonly following?: (options: BuildOptions) => BuildOptions;
}

export async function openFeed(
  spec: FineTuneJobSpec,
  data: PreparedRecord['data'],
  signal: AbortSignal,
  assignment: RankAssignment = onlyRank,
): Promise<Feed> {
  const { dataset, training } = spec;
  invariant(data.train !== undefined, 'a job along trajectories has no feed of records');
  const store = await open(data.train, signal);
  const separate = data.evaluation === undefined ? null : await open(data.evaluation, signal);
  const held = new Set(separate === null ? chooseHeldOut(data.samples, amountOf(dataset)) : []);
  const members = trainedOn(spec, store, held);
  const packedTokens = dataset.packing === 'Packed' ? tokensPerSequence(dataset) : undefined;
  const perStep = sequencesPerStep(training, dataset);
  // The command line and the CRD refuse it, each in its own words.
  invariant(
    perStep >= assignment.size,
    `${assignment.size} workers share ${perStep} sequences of a step`,
  );
  const most = Math.ceil(perStep / assignment.size);
  const microBatchSize = Math.min(training.microBatchSize ?? 1, most);
  const trained = jobDocuments(spec, store, false);
  const loader = openLoader({
    documents: trained,
    members,
    seed: dataset.shuffleSeed,
    tokensPerSequence: packedTokens,
    sequencesPerStep: perStep,
  });
  const evaluation = evaluationOf(spec, store, separate, held);
  const drawn = drawsOf(spec);
  const { textTokens, compared } = textsBeside(data.classTexts);
  const filled = ({ documents, key, epoch }: PlannedSequence): HostSequence =>
    drawn(fillSequence(trained, documents, key), epoch);
  const lengths = members.map((document) => store.lengthOf(document));
  return {
    sequences: loader.sequencesIn(0),
    sequencesPerStep: perStep,
    largestSequence: largestSequences(lengths, packedTokens, 1),
    largestMicroBatch: largestSequences(lengths, packedTokens, microBatchSize),
    largestEvaluationSequence: evaluation.largest,
    microBatchSize,
    targetShare: data.tokens === 0 ? 1 : data.targetTokens / data.tokens,
    textTokens,
    batch(position) {
      const { sequences, targetTokens, tokens } = loader.take(loader.seek(position));
      const epoch = (position * perStep) / loader.sequencesIn(0);
      const dealt = dealSequences(sequences, assignment).map(filled);
      const [first, ...rest] = mergeSequences(dealt, microBatchSize);
      return {
        // One of a step and rank brings the texts of classes for all.
        sequences: first === undefined ? [] : [compared(first), ...rest],
        targetTokens,
        tokens,
        epoch,
      };
    },
    allSequences(position) {
      const { sequences } = loader.take(loader.seek(position));
      return sequences.map(filled).map(compared);
    },
    training: { documents: trained, members },
    *evaluationSequences() {
      const { documents, sequences } = evaluation;
      for (const [key, members] of sequences.entries()) {
        yield compared(drawn(fillSequence(documents, members, key), null));
      }
    },
    [Symbol.dispose]() {
      store[Symbol.dispose]();
      separate?.[Symbol.dispose]();
    },
  };
}

/** Documents of records that are not held out; of few-shot learning a few of them. */
function trainedOn(
  { dataset: { shots }, training: { seed } }: FineTuneJobSpec,
  store: TokenStore,
  held: ReadonlySet<number>,
): readonly number[] {
  const all = Array.from({ length: store.count }, (_, document) => document);
  const others = all.filter((document) => !held.has(store.sampleOf(document)));
  return chooseShots(store, others, { shots, seed });
}

/** What is drawn for a sequence beside its documents; of an evaluation where the epoch is null. */
function drawsOf({ model, dataset: { labels = [] }, training: { seed } }: FineTuneJobSpec) {
  if (model.task !== 'Denoising') return (sequence: HostSequence): HostSequence => sequence;
  const levels = noiseLevels(linearSampler.betas);
  const classes = { labels: labels.length };
  return (sequence: HostSequence, epoch: number | null): HostSequence =>
    withNoise(sequence, classes, levels, { seed, epoch });
}

async function open(folder: string, signal: AbortSignal): Promise<TokenStore> {
  const store = await openTokenStore(folder, signal);
  if (store !== undefined) return store;
  throw new TerminalError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `the prepared data ${folder} no longer exists; it did when the run was prepared`,
    hint: 'start the run again: that prepares the data again',
  });
}

/**
 * Tokens of the `count` largest sequences together: full sequences where documents are packed, else
 * the longest documents.
 */
function largestSequences(
  lengths: readonly number[],
  tokensPerSequence: number | undefined,
  count: number,
): number {
  const sum = (of: readonly number[]) => of.reduce((all, one) => all + one, 0);
  if (tokensPerSequence !== undefined) return count * Math.min(tokensPerSequence, sum(lengths));
  const longest = lengths.toSorted((a, b) => b - a);
  // With fewer documents than `count`, a micro-batch continues with the next epoch.
  return sum(Array.from({ length: count }, (_, at) => longest[at % longest.length] ?? 0));
}

/** Sequences of the records that are never trained on. */
function evaluationOf(
  spec: FineTuneJobSpec,
  store: TokenStore,
  separate: TokenStore | null,
  held: ReadonlySet<number>,
) {
  const documents = jobDocuments(spec, separate ?? store, true);
  const all = Array.from({ length: documents.count }, (_, document) => document);
  const members =
    separate === null ? all.filter((document) => held.has(store.sampleOf(document))) : all;
  const sequences = sequencesForEvaluation(spec, documents, members);
  const largest = sequences.reduce(
    (most, sequence) => Math.max(most, tokensOf(documents, sequence)),
    0,
  );
  return { documents, sequences, largest };
}

/** Sounds as many as are computed at once, whose texts say nothing of their work. */
function sequencesForEvaluation(
  spec: FineTuneJobSpec,
  documents: Documents,
  members: readonly number[],
): readonly (readonly number[])[] {
  if (spec.model.task === 'SpeechToText') {
    const { microBatchSize = 1 } = spec.training;
    const count = Math.ceil(members.length / microBatchSize);
    return Array.from({ length: count }, (_, group) =>
      members.slice(group * microBatchSize, (group + 1) * microBatchSize),
    );
  }
  // Pictures have one length.
  const picture = documents.valuesOf === undefined ? undefined : documents.lengthOf(0);
  return packedForEvaluation(documents, members, evaluatedTokens(spec, picture));
}

/** Always packed: the loss does not depend on it, and it is faster. */
function packedForEvaluation(
  documents: Documents,
  members: readonly number[],
  tokens: number,
): readonly (readonly number[])[] {
  const lengths = members.map((document) => documents.lengthOf(document));
  return packSequences(lengths, tokens).map((sequence) =>
    sequence.flatMap((index) => members[index] ?? []),
  );
}

function tokensOf(documents: Documents, members: readonly number[]): number {
  return members.reduce((sum, document) => sum + documents.lengthOf(document), 0);
}

function amountOf({ heldOut }: FineTuneJobSpec['dataset']) {
  if (heldOut === undefined) return undefined;
  const { samples, percent } = heldOut;
  return { samples, percent: percent === undefined ? undefined : Number(percent) };
}
