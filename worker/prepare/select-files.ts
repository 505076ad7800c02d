// Which files of a source are needed. Models have an allow-list: names that this project reads or
// copies into an export, never code and never pickled weights, whatever else a repository contains.
// Data: files of known kinds, or those that the job names.
import type { Model } from '../../crds/api/model.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { pruningFile } from '../../crds/wire/pruned-model.ts';
import { preprocessorFile } from '../data/images/preprocessor-config.ts';
import { isRecordFile } from '../data/records.ts';
import { transformerFolder } from '../diffusion/names.ts';
import type { SourceFile, SourceListing } from '../remote/source-files.ts';

interface ModelChoice {
  /** The file to use where the source has several models. */
  readonly file?: string | undefined;
  /** Files about pictures are read of no other model, and so are no part of its digest. */
  readonly isOfPictures?: boolean | undefined;
  /** Weights are made: those that are there are not read. */
  readonly fromScratch?: boolean;
  /** Whether it may be a pipeline of diffusers, which has its model in a folder. */
  readonly isPipeline?: boolean;
}

export interface DataChoice {
  readonly files?: readonly string[] | undefined;
  readonly split?: string | undefined;
}

const modelFiles = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'adapter_config.json',
  pruningFile,
]);
const pickles = /\.(bin|pt|pth|ckpt|pkl)$/;
const shard = /^(.*)-\d{5}-of-\d{5}\.(safetensors|gguf)$/;
const indexName = 'model.safetensors.index.json';

/** Of a task whose models read pictures as their preprocessor config says. */
export function hasPictures(task: Model['task']): boolean {
  return task !== undefined && ofPictures.has(task);
}

const ofPictures: ReadonlySet<NonNullable<Model['task']>> = new Set([
  ...(['ImageClassification', 'Denoising', 'ContrastiveImageText', 'Tracking'] as const),
]);

export function modelChoice({
  source,
  task,
  initialization,
}: Pick<Model, 'source' | 'task' | 'initialization'>): ModelChoice {
  return {
    file: source.file,
    isOfPictures: hasPictures(task),
    fromScratch: initialization === 'FromScratch',
    isPipeline: task === 'Denoising',
  };
}

export function selectModelFiles(listing: SourceListing, choice: ModelChoice): SourceFile[] {
  // The top folder is the model; subfolders have other formats of the same weights.
  const top = listing.files.filter(({ path }) => !path.includes('/'));
  if (choice.fromScratch) return about(top, choice);
  if (choice.file !== undefined) return chosenModel(listing, choice.file, choice);
  const weights = top.filter(({ path }) => path.endsWith('.safetensors'));
  if (weights.length > 0) return [...about(top, choice), ...withoutTwins(top, weights)];
  const inPipeline = choice.isPipeline ? listing.files.filter(isOfPipeline) : [];
  if (inPipeline.length > 1) return inPipeline;
  const ggufs = top.filter(({ path }) => path.endsWith('.gguf'));
  const groups = new Set(ggufs.map(({ path }) => groupOf(path)));
  if (groups.size === 1) return [...about(top, choice), ...ggufs];
  if (groups.size > 1) {
    throw new UserError({
      code: 'E_SOURCE_NOT_FOUND',
      message: `${listing.origin} has ${ggufs.length} GGUF files; one must be chosen`,
      hint: `set file beside the source, to one of ${some(ggufs)}`,
      path: 'spec.model.source.file',
    });
  }
  const pickled = top.filter(({ path }) => pickles.test(path));
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${listing.origin} has no safetensors and no GGUF file${
      pickled.length > 0 ? `, only pickled weights (${some(pickled)}), which are never loaded` : ''
    }`,
    hint:
      pickled.length > 0 ? 'convert the weights to safetensors' : 'check the source and its path',
    path: 'spec.model.source',
  });
}

function isOfPipeline({ path }: SourceFile): boolean {
  return ofPipeline.test(path);
}

const ofPipeline = new RegExp(`^${transformerFolder}/(config\\.json|[^/]+\\.safetensors)$`);

export function selectDataFiles(listing: SourceListing, choice: DataChoice): SourceFile[] {
  const { files: patterns, split } = choice;
  if (patterns !== undefined) return patterns.flatMap((pattern) => matching(listing, pattern));
  const known = listing.files.filter(({ path }) => isRecordFile(path) && !isNoData(path));
  const found = split === undefined ? known : known.filter(({ path }) => isOfSplit(path, split));
  if (found.length > 0) return found;
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message:
      known.length > 0
        ? `${listing.origin} has no file of split ${split}; it has ${some(known)}`
        : `${listing.origin} has no .jsonl, .json, .parquet or .txt file`,
    hint: 'name the files with files',
    path: known.length > 0 ? 'split' : undefined,
  });
}

/** Of a hub data set, or of what stands beside one. */
export function isNoData(path: string): boolean {
  return notData.test(path.split('/').at(-1) ?? '');
}

const notData =
  /^(dataset_infos?|dataset_dict|state|config|.*_config)\.json$|^(requirements|license.*)\.txt$/i;

/**
 * `train` matches train.jsonl, data/train-00000-of-00004.parquet and train/part.json, not
 * pretrain.jsonl.
 */
export function isOfSplit(path: string, split: string): boolean {
  return path.split('/').some((part) => part.split(/[-_.]/).includes(split) || part === split);
}

export function matching(listing: SourceListing, pattern: string): SourceFile[] {
  const wanted = globToRegExp(pattern);
  const found = listing.files.filter(({ path }) => wanted.test(path));
  if (found.length > 0) return found;
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${listing.origin} has no file ${pattern}; it has ${some(listing.files)}`,
    value: pattern,
  });
}

/** `*` matches within a folder, `**` across folders. */
function globToRegExp(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*\/?|\*|\?)/)
    .map((part) => {
      if (part.startsWith('**')) return '(?:.*)';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`);
}

function chosenModel(listing: SourceListing, file: string, choice: ModelChoice): SourceFile[] {
  const found = listing.files.filter(
    ({ path }) => path === file || (shard.test(file) && groupOf(path) === groupOf(file)),
  );
  if (found.length === 0) {
    throw new UserError({
      code: 'E_SOURCE_NOT_FOUND',
      message: `${listing.origin} has no file ${file}; it has ${some(listing.files)}`,
      path: 'spec.model.source.file',
      value: file,
    });
  }
  const top = listing.files.filter(({ path }) => !path.includes('/'));
  return [...about(top, choice), ...found];
}

function about(files: readonly SourceFile[], { isOfPictures = false }: ModelChoice): SourceFile[] {
  return files.filter(
    ({ path }) => modelFiles.has(path) || (isOfPictures && path === preprocessorFile),
  );
}

/**
 * Some repositories have the same weights twice: model-0000N-of-0000M beside
 * consolidated.safetensors. Takes the files of the index, or the standard name.
 */
function withoutTwins(top: readonly SourceFile[], weights: readonly SourceFile[]): SourceFile[] {
  const index = top.filter(({ path }) => path === indexName);
  if (index.length > 0) {
    return [
      ...index,
      ...weights.filter(({ path }) => path.startsWith('model-') && shard.test(path)),
    ];
  }
  const standard = weights.filter(({ path }) => path === 'model.safetensors');
  return standard.length > 0 ? standard : [...weights];
}

function groupOf(path: string): string {
  return shard.exec(path)?.[1] ?? path;
}

/** Names of files, for messages. */
export function some(files: readonly SourceFile[]): string {
  const names = files.slice(0, 8).map(({ path }) => path);
  const more = files.length - names.length;
  if (names.length === 0) return 'none';
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
