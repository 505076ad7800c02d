// Reads, tokenises and writes one token store into an empty folder. The outcome of every record is
// counted; nothing is dropped silently.
import { UserError } from '../../crds/failures/errors.ts';
import { storeVersion } from '../data/store-manifest.ts';
import { TokenStoreWriter } from '../data/token-store-writer.ts';
import type { SkipReason } from './encode-sample.ts';
import { areOfClips, areOfPictures, areOfSounds, areOfTargets, type Rules } from './encoder-of.ts';
import { type ReadingRules, readBatches } from './read-batches.ts';
import { readClips } from './read-clips.ts';
import { type CountedFile, readPictures, readSounds, readTargets } from './read-pictures.ts';
import { type Content, contentOf } from './store-content.ts';
import { newTally, nothingKept, onlySilence, type Tally } from './tally.ts';
import { tokenise } from './tokenise.ts';
import type { EncodedBatch, StuckBatch, TimeLimits } from './tokenise-batch.ts';

interface StorePlan {
  readonly digest: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly files: readonly DataFile[];
  readonly format: ReadingRules['format'];
  readonly rules: Rules;
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

const exampleDocuments = 3;

export async function buildStore(
  folder: string,
  plan: StorePlan,
  signal: AbortSignal,
): Promise<void> {
  const totalBytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
  };
  const { shape, batches, files } = await readRecords(plan, count, signal);
  const content = contentOf(plan.rules);
  const { bytesPerToken, labels } = content;
  await using writer = await TokenStoreWriter.create(folder, bytesPerToken, content.pictures);
  const { rules, failAtInvalid } = plan;
  const failAtTooLong = 'overlength' in rules && rules.overlength === 'Fail';
  const tally = newTally(files, { labels, failAtInvalid, failAtTooLong });
  const tokenised = tokenise(batches, { rules, encode: content.encode }, plan, signal);
  for await (const batch of tokenised) {
    if ('stuckAt' in batch) throw stuck(batch, files, content);
    await store(batch, plan, writer, tally, content);
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
    objective: content.objective,
    vocabularySize: content.vocabularySize,
    bytesPerToken,
    ...tally.facts(),
  });
}

async function readRecords(
  { files, format, rules }: StorePlan,
  onBytes: (count: number) => void,
  signal: AbortSignal,
) {
  if (areOfTargets(rules)) return readTargets(files, onBytes);
  if (areOfClips(rules)) return readClips(files, onBytes);
  if (areOfSounds(rules)) return readSounds(files, onBytes, signal);
  if (areOfPictures(rules)) return readPictures(files, onBytes, signal);
  const hasTemplate = rules.template !== undefined;
  return { ...(await readBatches({ files, format, hasTemplate, onBytes }, signal)), files };
}

async function store(
  batch: EncodedBatch,
  plan: StorePlan,
  writer: TokenStoreWriter,
  tally: Tally,
  content: Content,
): Promise<void> {
  tally.enter(batch.file, writer.documents);
  let at = 0;
  let number = 0;
  for (const record of batch.records) {
    if (tally.samples === plan.maxSamples) return;
    tally.records += 1;
    if ('skipped' in record) {
      tally.addSkipped(record, batch.file);
      continue;
    }
    for (const length of record.lengths) {
      const ids = batch.ids.subarray(at, at + length);
      const marks = batch.marks.subarray(at, at + length);
      const document = { ids, marks, class: record.class, packed: batch.packed[number] };
      await writer.append(document, { line: record.line, sample: tally.samples });
      tally.addLength(length);
      if (tally.examples.length < exampleDocuments) tally.examples.push(content.example(document));
      at += length;
      number += 1;
    }
    tally.addKept(record);
  }
}

function stuck(
  { file, stuckAt, limitMs }: StuckBatch,
  files: readonly CountedFile[],
  { slowPart }: Content,
): UserError {
  return new UserError({
    code: slowPart.code,
    message:
      `${slowPart.name} did not finish ${files[file]?.path}:${stuckAt} ` +
      `within ${limitMs / 1000} s; ${slowPart.reason}`,
  });
}
