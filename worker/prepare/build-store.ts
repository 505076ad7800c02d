// Reads, tokenises and writes one token store into an empty folder. The outcome of every record is
// counted; nothing is dropped silently.
import { UserError } from '../../crds/failures/errors.ts';
import { type Problem, type StoreManifest, storeVersion } from '../data/store-manifest.ts';
import { TokenStoreWriter } from '../data/token-store-writer.ts';
import { createTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { createEncoder, type EncodingRules, type SkipReason } from './encode-sample.ts';
import { type ReadingRules, readBatches } from './read-batches.ts';
import { tokenise } from './tokenise.ts';
import type { EncodedBatch, EncodedRecord, StuckBatch, TimeLimits } from './tokenise-batch.ts';

interface StorePlan {
  readonly digest: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly files: readonly DataFile[];
  readonly format: ReadingRules['format'];
  readonly rules: EncodingRules;
  readonly maxSamples: number | undefined;
  /** Whether the first invalid record ends the build. */
  readonly failAtInvalid: boolean;
  readonly threads: number;
  readonly timeLimits: TimeLimits;
  readonly onProgress: (progress: PrepareProgress) => void;
}

export interface DataFile {
  /** Path for messages. */
  readonly path: string;
  readonly absolute: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface PrepareProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly records: number;
  readonly samples: number;
  readonly documents: number;
  readonly tokens: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
}

/** For each kind of problem. */
const mostProblems = 100;
const exampleDocuments = 3;
const exampleTokens = 512;

export async function buildStore(
  folder: string,
  plan: StorePlan,
  signal: AbortSignal,
): Promise<void> {
  const totalBytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
  let bytes = 0;
  const { shape, batches } = await readBatches(
    {
      files: plan.files,
      format: plan.format,
      hasTemplate: plan.rules.template !== undefined,
      onBytes: (count) => {
        bytes += count;
      },
    },
    signal,
  );
  const tokenizer = createTokenizer(plan.rules.tokenizer);
  const bytesPerToken = tokenizer.vocabularySize <= 65_536 ? 2 : 4;
  await using writer = await TokenStoreWriter.create(folder, bytesPerToken);
  const tally = newTally(plan);
  const encoding = { rules: plan.rules, encode: createEncoder(plan.rules, tokenizer) };
  const tokenised = tokenise(batches, encoding, plan, signal);
  for await (const batch of tokenised) {
    if ('stuckAt' in batch) throw stuck(batch, plan);
    await store(batch, plan, writer, tally, tokenizer);
    const { records, samples, skipped } = tally;
    const { documents, tokens } = writer;
    plan.onProgress({ bytes, totalBytes, records, samples, documents, tokens, skipped });
    if (samples === plan.maxSamples) break;
  }
  if (tally.samples === 0) throw nothingKept(tally);
  if (tally.silentSamples === tally.samples) throw onlySilence(tally, shape.keys);
  await writer.finish({
    version: storeVersion,
    digest: plan.digest,
    inputs: plan.inputs,
    shape: shape.name,
    objective: plan.rules.labels === undefined ? 'NextToken' : 'Class',
    vocabularySize: tokenizer.vocabularySize,
    bytesPerToken,
    ...tally.facts(),
  });
}

type Tally = ReturnType<typeof newTally>;

function newTally(plan: StorePlan) {
  const firstDocuments: number[] = [];
  const lengths: number[] = [];
  return {
    records: 0,
    samples: 0,
    cutSamples: 0,
    lostTokens: 0,
    silentSamples: 0,
    classes: plan.rules.labels?.map(() => 0) ?? [],
    skipped: { Invalid: 0, NoTargets: 0, TooLong: 0 },
    problems: [] as Problem[],
    examples: [] as StoreManifest['examples'],
    enter(file: number, documents: number) {
      while (firstDocuments.length <= file) firstDocuments.push(documents);
    },
    addLength(length: number) {
      const power = Math.ceil(Math.log2(Math.max(1, length)));
      lengths[power] = (lengths[power] ?? 0) + 1;
    },
    facts() {
      const { samples, classes, skipped, problems, examples } = this;
      const { cutSamples, lostTokens, silentSamples } = this;
      return {
        ...{ samples, classes, skipped, problems, cutSamples, lostTokens, silentSamples, examples },
        lengths: Array.from(lengths, (documents = 0, power) => ({ upTo: 2 ** power, documents })),
        files: plan.files.flatMap(({ path, sha256 }, file) => {
          const firstDocument = firstDocuments[file];
          return firstDocument === undefined ? [] : [{ path, sha256, firstDocument }];
        }),
      };
    },
  };
}

async function store(
  batch: EncodedBatch,
  plan: StorePlan,
  writer: TokenStoreWriter,
  tally: Tally,
  tokenizer: Tokenizer,
): Promise<void> {
  tally.enter(batch.file, writer.documents);
  let at = 0;
  for (const record of batch.records) {
    if (tally.samples === plan.maxSamples) return;
    tally.records += 1;
    if ('skipped' in record) {
      noteSkipped(record, batch.file, plan, tally);
      continue;
    }
    for (const length of record.lengths) {
      const ids = batch.ids.subarray(at, at + length);
      const marks = batch.marks.subarray(at, at + length);
      const document = { ids, marks, class: record.class };
      await writer.append(document, { line: record.line, sample: tally.samples });
      tally.addLength(length);
      if (tally.examples.length < exampleDocuments) {
        const name = record.class === undefined ? undefined : plan.rules.labels?.[record.class];
        tally.examples.push(
          name === undefined
            ? exampleOf(ids, marks, tokenizer)
            : classExampleOf(ids, name, tokenizer),
        );
      }
      at += length;
    }
    tally.samples += 1;
    if (record.class !== undefined) {
      tally.classes[record.class] = (tally.classes[record.class] ?? 0) + 1;
    }
    tally.lostTokens += record.lost;
    if (record.lost > 0) tally.cutSamples += 1;
    if (record.silent) tally.silentSamples += 1;
  }
}

function noteSkipped(
  { skipped, line, detail }: Extract<EncodedRecord, { skipped: SkipReason }>,
  file: number,
  plan: StorePlan,
  tally: Tally,
): void {
  tally.skipped[skipped] += 1;
  if (skipped === 'NoTargets') return;
  const problem = { skipped, file: plan.files[file]?.path ?? '', line, reason: detail };
  const fails = skipped === 'Invalid' ? plan.failAtInvalid : plan.rules.overlength === 'Fail';
  if (fails) throw invalidRecord(problem);
  if (tally.skipped[skipped] <= mostProblems) tally.problems.push(problem);
}

/** The error for an invalid record, during a build or when an existing store is opened. */
export function invalidRecord({ skipped, file, line, reason }: Problem): UserError {
  const field = skipped === 'TooLong' ? 'overlength' : 'invalidSamplePolicy';
  return new UserError({
    code: 'E_INVALID_DATA',
    path: `spec.dataset.${field}`,
    message: `${file}:${line} ${reason}; ${field} is Fail`,
    hint: `correct the record, or set spec.dataset.${field}: Skip`,
  });
}

function stuck({ file, stuckAt, limitMs }: StuckBatch, { files, rules }: StorePlan): UserError {
  const parts = rules.template === undefined ? 'tokenizer' : 'tokenizer or chat template';
  return new UserError({
    code: 'E_INVALID_TOKENIZER',
    message:
      `the model's ${parts} did not finish ${files[file]?.path}:${stuckAt} ` +
      `within ${limitMs / 1000} s; a pattern or loop in it does not terminate`,
  });
}

/** Consecutive target tokens and other tokens, as text. */
function exampleOf(ids: Uint32Array, targets: Uint8Array, tokenizer: Tokenizer) {
  const runs: { text: string; isTarget: boolean }[] = [];
  const end = Math.min(ids.length, exampleTokens);
  for (let start = 0; start < end; ) {
    let stop = start + 1;
    while (stop < end && targets[stop] === targets[start]) stop += 1;
    runs.push({
      text: tokenizer.decode(ids.subarray(start, stop)),
      isTarget: targets[start] === 1,
    });
    start = stop;
  }
  return runs;
}

/** The text, special tokens included, and the name of its class. */
function classExampleOf(ids: Uint32Array, name: string, tokenizer: Tokenizer) {
  const text = tokenizer.decode(ids.subarray(0, exampleTokens));
  return [
    { text, isTarget: false },
    { text: name, isTarget: true },
  ];
}

function onlySilence({ samples }: Tally, keys: readonly string[]): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message: `the answers of all ${samples} records are empty; a model trained on them learns to answer nothing`,
    hint: `check the fields ${keys.join(', ')} of the first records: the answers may have been lost when the file was written`,
  });
}

function nothingKept({ records, skipped, problems }: Tally): UserError {
  const [first] = problems;
  const reason = first === undefined ? '' : `; ${first.file}:${first.line} ${first.reason}`;
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message:
      `none of ${records} records can be trained on: ${skipped.Invalid} cannot be used, ` +
      `${skipped.NoTargets} have no target tokens, ${skipped.TooLong} are too long${reason}`,
    ...(skipped.TooLong > 0 && {
      hint: 'set spec.dataset.overlength: Truncate, or a larger sequenceLength',
    }),
  });
}
