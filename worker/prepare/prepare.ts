// A data set → its token store. A store is named by the digest of all that its tokens depend on, so
// every later job on the same volume opens it at once.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../crds/clock.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import type { Format } from '../data/formats.ts';
import { type StoreManifest, storeVersion } from '../data/store-manifest.ts';
import { templateArguments } from '../data/template-arguments.ts';
import { DamagedStore, openTokenStore, type TokenStore } from '../data/token-store.ts';
import { type TokenizerDefinition, tokenizerDigest } from '../data/tokenizer-definition.ts';
import { lockFile } from '../files/file-lock.ts';
import { digestOfFiles } from '../remote/file-digests.ts';
import { buildStore, type DataFile, type PrepareProgress } from './build-store.ts';
import type { ClipRules } from './encode-clip.ts';
import type { PictureRules } from './encode-picture.ts';
import type { EncodingRules, Overlength } from './encode-sample.ts';
import type { SoundRules } from './encode-sound.ts';
import type { TargetRules } from './encode-target.ts';
import { invalidRecord, inWords } from './tally.ts';
import { type TimeLimits, usualTimeLimits } from './tokenise-batch.ts';

interface CommonInput {
  readonly files: readonly DataFile[];
  readonly maxSamples?: number | undefined;
  readonly invalidSamplePolicy: 'Skip' | 'Fail';
}

interface TextInput extends CommonInput {
  readonly format: Format | 'Auto';
  readonly tokenizer: TokenizerDefinition;
  /** The template of conversations. @default the model's own */
  readonly chatTemplate?: string | undefined;
  readonly chatTemplateArguments?: Readonly<Record<string, string>> | undefined;
  /** The date that templates see. */
  readonly date: Date;
  readonly sequenceLength: number;
  readonly overlength?: Overlength | undefined;
  /** Names of the classes, where records have one: then the format is TextClassification. */
  readonly labels?: readonly string[] | undefined;
}

export interface PictureInput extends CommonInput {
  readonly pictures: PictureRules | TargetRules | ClipRules;
}

interface SoundInput extends CommonInput {
  readonly sounds: SoundRules;
}

export type DatasetInput = TextInput | PictureInput | SoundInput;

export interface PrepareTools {
  /** Contains the stores, each in a folder named by its digest. */
  readonly folder: string;
  readonly threads: number;
  readonly clock: Clock;
  readonly onProgress: (progress: PrepareProgress) => void;
  readonly onWarning: (sentence: string) => void;
  /** @default usualTimeLimits */
  readonly timeLimits?: TimeLimits;
}

export async function prepareDataset(
  input: DatasetInput,
  tools: PrepareTools,
  signal: AbortSignal,
): Promise<TokenStore> {
  const files = input.files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const { rules, inputs } = rulesOf(input, files);
  const digest = digestOf(inputs);
  const folder = join(tools.folder, digest);
  await mkdir(tools.folder, { recursive: true });
  await using _lock = await lockFile(`${folder}.lock`, tools.clock, signal, () =>
    tools.onWarning('another process prepares the same data; waiting for it'),
  );
  const found = await openWhole(folder, tools, signal);
  if (found !== undefined) return permitted(found, input, tools);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial);
  const { maxSamples } = input;
  const format = formatOf(input);
  const failAtInvalid = input.invalidSamplePolicy === 'Fail';
  const plan = { digest, inputs, files, format, rules, maxSamples, failAtInvalid };
  try {
    const { onProgress, timeLimits = usualTimeLimits } = tools;
    const threads = threadsFor(files, tools.threads);
    await buildStore(partial, { ...plan, threads, onProgress, timeLimits }, signal);
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  const built = await openTokenStore(folder, signal);
  if (built === undefined) throw new DamagedStore('the store that was just written does not exist');
  return permitted(built, input, tools);
}

function rulesOf(input: DatasetInput, files: readonly DataFile[]) {
  if ('sounds' in input) return ofSounds(input, files);
  return 'pictures' in input ? ofPictures(input, files) : ofTexts(input, files);
}

function formatOf(input: DatasetInput): Format | 'Auto' {
  if ('sounds' in input) return 'Audio';
  if (!('pictures' in input)) return input.format;
  if ('patch' in input.pictures) return 'Video';
  return 'crop' in input.pictures ? 'ImagePair' : 'ImageClassification';
}

function encodingRules(input: TextInput): EncodingRules {
  const { tokenizer, sequenceLength, overlength, date, labels } = input;
  // No record is a conversation, whatever template the model has.
  if (labels !== undefined) return { tokenizer, sequenceLength, overlength, labels };
  const source = input.chatTemplate ?? tokenizer.chatTemplate;
  if (source === undefined) return { tokenizer, sequenceLength, overlength };
  const args = templateArguments(input.chatTemplateArguments);
  return { tokenizer, sequenceLength, overlength, template: { source, arguments: args, date } };
}

/** `inputs`: everything that the documents depend on, and nothing else. */
function ofPictures({ pictures, maxSamples }: PictureInput, files: readonly DataFile[]) {
  // Of the rules, where the pictures lie says nothing of what they are.
  const { boundary: _, ...own } = pictures;
  // Of many files one digest: the inputs are kept in the manifest.
  const inputs = { version: storeVersion, files: digestOfFiles(files), ...own };
  return { rules: pictures, inputs: { ...inputs, maxSamples: maxSamples ?? null } };
}

function ofSounds({ sounds, maxSamples }: SoundInput, files: readonly DataFile[]) {
  const { boundary: _, tokenizer, overlength, ...own } = sounds;
  const inputs = {
    ...{ version: storeVersion, files: digestOfFiles(files), ...own },
    ...{ tokenizer: tokenizerDigest(tokenizer), overlength: overlength ?? null },
    maxSamples: maxSamples ?? null,
  };
  return { rules: sounds, inputs };
}

function ofTexts(input: TextInput, files: readonly DataFile[]) {
  const rules = encodingRules(input);
  const { template } = rules;
  const knowsTime = template?.source.includes('strftime_now') === true;
  const inputs = {
    version: storeVersion,
    files: files.map(({ path, sha256 }) => ({ path, sha256 })),
    format: input.format,
    tokenizer: tokenizerDigest(input.tokenizer),
    template:
      template === undefined ? null : { source: template.source, arguments: template.arguments },
    date: knowsTime ? input.date.toISOString() : null,
    sequenceLength: input.sequenceLength,
    overlength: input.overlength ?? null,
    labels: input.labels ?? null,
    maxSamples: input.maxSamples ?? null,
  };
  return { rules, inputs };
}

/** Starting a thread costs as much as tokenising some megabytes. */
function threadsFor(files: readonly DataFile[], threads: number): number {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return bytes < 4 * 1024 * 1024 ? 1 : threads;
}

async function openWhole(
  folder: string,
  tools: PrepareTools,
  signal: AbortSignal,
): Promise<TokenStore | undefined> {
  try {
    return await openTokenStore(folder, signal);
  } catch (error) {
    if (!(error instanceof DamagedStore)) throw error;
    tools.onWarning(`the prepared data is damaged (${error.message}); it is prepared again`);
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
}

/** The policy is not part of the store: jobs on the same data may differ in it. */
function permitted(
  store: TokenStore,
  { invalidSamplePolicy }: DatasetInput,
  { onWarning }: PrepareTools,
): TokenStore {
  const error = refusal(store.manifest, invalidSamplePolicy);
  if (error === undefined) {
    const { silentSamples, samples } = store.manifest;
    if (silentSamples * 100 >= samples) {
      onWarning(
        `${silentSamples} of ${samples} records have only empty answers, which train the model to answer nothing`,
      );
    }
    return store;
  }
  store[Symbol.dispose]();
  throw error;
}

function refusal(manifest: StoreManifest, policy: 'Skip' | 'Fail'): UserError | undefined {
  const { skipped, samples, problems } = manifest;
  const first = problems.find((problem) => problem.skipped === 'Invalid');
  if (skipped.Invalid === 0 || first === undefined) return undefined;
  if (policy === 'Fail') return invalidRecord(first);
  const records = samples + skipped.Invalid + skipped.NoTargets + skipped.TooLong;
  if (skipped.Invalid * 100 <= records) return undefined;
  const share = ((100 * skipped.Invalid) / records).toFixed(1);
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.invalidSamplePolicy',
    message:
      `${skipped.Invalid} of ${records} records cannot be used (${share} %), and more than 1 % ends a job; ` +
      `the first: ${inWords(first)}`,
  });
}
