// Files of records → batches of samples, in the order of files and lines. The first records decide
// the shape, before anything is tokenised.
import { UserError } from '../../crds/failures/errors.ts';
import { detectShape, sampleForDetection } from '../data/detect.ts';
import { type About, type Format, type Shape, toSample } from '../data/formats.ts';
import { isProblem, type Reading } from '../data/reading.ts';
import { readRecords } from '../data/records.ts';
import type { Sample } from '../data/sample.ts';
import { seenIn } from '../data/seen.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { batchPictureBytes, batchPictures, pictureCharacters } from './picture-batches.ts';
import { lookedUp, type NamedFiles } from './picture-index.ts';
import type { Batch, BatchItem } from './tokenise-batch.ts';

export interface ReadingRules {
  /** In the order in which they are read. */
  readonly files: readonly { readonly path: string; readonly absolute: string }[];
  readonly format: Format | 'Auto';
  readonly hasTemplate: boolean;
  readonly onBytes: (count: number) => void;
  /** The files of pictures or sounds, where records are about them. @default they are of texts */
  readonly named?: NamedFiles;
}

export interface ReadBatches {
  /** Name of the shape of the records, and the fields that it reads. */
  readonly shape: Pick<Shape, 'name' | 'keys'>;
  readonly batches: AsyncGenerator<Batch>;
}

interface Placed {
  readonly file: number;
  readonly reading: Reading;
}

export async function readBatches(rules: ReadingRules, signal: AbortSignal): Promise<ReadBatches> {
  const readings = readFiles(rules, signal);
  const first: Placed[] = [];
  for (let next = await readings.next(); next.done !== true; next = await readings.next()) {
    first.push(next.value);
    if (first.length === sampleForDetection) break;
  }
  const values = first.flatMap(({ reading }) => (isProblem(reading) ? [] : [reading.value]));
  if (values.length === 0) throw await noRecords(first[0], rules, signal);
  const shape = detectShape(values, rules.format);
  return { shape, batches: intoBatches(first, readings, shape, rules) };
}

/**
 * Throws where the first records need a chat template and there is none; called before the model is
 * fetched.
 */
export async function requireNoTemplate(
  rules: Pick<ReadingRules, 'files' | 'format'>,
  signal: AbortSignal,
): Promise<void> {
  const withoutTemplate = { ...rules, hasTemplate: false, onBytes: () => undefined };
  const { batches } = await readBatches(withoutTemplate, signal);
  await batches.next();
  await batches.return(undefined);
}

async function* readFiles(rules: ReadingRules, signal: AbortSignal): AsyncGenerator<Placed> {
  const about = aboutOf(rules);
  for (const [file, { absolute }] of rules.files.entries()) {
    for await (const reading of readRecords(absolute, rules.onBytes, signal, about))
      yield { file, reading };
  }
}

function aboutOf({ named, format }: Pick<ReadingRules, 'named' | 'format'>): About {
  if (named === undefined) return 'Texts';
  return format === 'Audio' ? 'Sounds' : 'Pictures';
}

/** A batch is large enough to be worth a message between threads. */
const batchItems = 256;
const batchCharacters = 256 * 1024;

async function* intoBatches(
  first: readonly Placed[],
  rest: AsyncGenerator<Placed>,
  shape: Shape,
  rules: ReadingRules,
): AsyncGenerator<Batch> {
  let file = 0;
  let items: BatchItem[] = [];
  let size = 0;
  const most = rules.named === undefined ? batchItems : batchPictures;
  const mostSize = rules.named === undefined ? batchCharacters : batchPictureBytes;
  const take = (): Batch => {
    const characters = rules.named === undefined ? size : items.length * pictureCharacters;
    const batch = { file, items, characters };
    items = [];
    size = 0;
    return batch;
  };
  try {
    for await (const placed of chain(first, rest)) {
      const full = items.length >= most || size >= mostSize;
      if (items.length > 0 && (full || placed.file !== file)) yield take();
      file = placed.file;
      const item = toItem(placed, shape, rules);
      items.push(item);
      if ('sample' in item) size += sizeOf(item.sample);
    }
    if (items.length > 0) yield take();
  } finally {
    // Stopping early also stops the reading of files.
    await rest.return(undefined);
  }
}

async function* chain<T>(first: Iterable<T>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* rest;
}

function toItem({ file, reading }: Placed, shape: Shape, rules: ReadingRules): BatchItem {
  const { line } = reading;
  if (isProblem(reading)) return { line, problem: reading.problem };
  const { files, hasTemplate, named, onBytes } = rules;
  try {
    const sample = toSample(shape, reading.value, hasTemplate);
    refuseUnsupported(sample, hasTemplate);
    if (named === undefined) return { line, sample };
    const lookUp = { recordFile: files[file]?.path ?? '', named, onBytes };
    return { line, sample: withFiles(sample, lookUp) };
  } catch (error) {
    if (error instanceof UnusableRecord) return { line, problem: error.message };
    throw error;
  }
}

/** With the files that a record names. */
function withFiles(sample: Sample, lookUp: Parameters<typeof lookedUp>[2]): Sample {
  switch (sample.type) {
    case 'ImageClassification':
      return { ...sample, picture: lookedUp(sample.picture, 'picture', lookUp) };
    case 'Audio':
      return { ...sample, sound: lookedUp(sample.sound, 'sound', lookUp) };
    default:
      return sample;
  }
}

function refuseUnsupported(sample: Sample, hasTemplate: boolean): void {
  if (sample.type === 'Preference') {
    throw new UserError({
      code: 'E_INVALID_DATA',
      path: 'spec.dataset.format',
      message:
        'the records are preferences (chosen, rejected); no training objective uses them yet',
      hint: 'use records of conversations, text, or prompt and completion',
    });
  }
  if (sample.type === 'Chat' && !hasTemplate) throw noTemplate();
}

function noTemplate(): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.chatTemplate',
    message: 'the records are conversations, but the model has no chat template',
    hint: 'set spec.dataset.chatTemplate to the template that the model is to learn',
  });
}

function sizeOf(sample: Sample): number {
  switch (sample.type) {
    case 'Text':
      return sample.text.length;
    case 'Chat':
      return sample.messages.reduce((sum, message) => sum + message.content.length, 0);
    case 'PromptCompletion':
      return sample.prompt.length + sample.completion.length;
    case 'Segments':
      return sample.segments.reduce((sum, segment) => sum + segment.text.length, 0);
    case 'Tokenized':
      return sample.tokens.length;
    case 'TextClassification':
      return sample.text.length + (sample.pair?.length ?? 0);
    case 'ImageClassification':
      return sample.picture.type === 'Bytes' ? sample.picture.bytes.length : 0;
    case 'Audio':
      return sample.sound.type === 'Bytes' ? sample.sound.bytes.length : 0;
    case 'Preference':
    case 'ImagePair':
    case 'Video':
      return 0;
    default:
      return sample satisfies never;
  }
}

async function noRecords(
  problem: Placed | undefined,
  { files }: ReadingRules,
  signal: AbortSignal,
): Promise<UserError> {
  const names = files.map(({ path }) => path).join(', ');
  const file = files[problem?.file ?? 0];
  const reason =
    problem !== undefined && isProblem(problem.reading)
      ? `: ${file?.path}:${problem.reading.line} ${problem.reading.problem}`
      : '';
  const seen = file === undefined ? undefined : await seenIn(file.absolute, signal);
  const holds = seen === undefined ? 'is empty' : `holds ${seen.what}`;
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message: `no record can be read from ${names}${reason}; ${file?.path} ${holds}`,
    hint: seen?.hint,
  });
}
