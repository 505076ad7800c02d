// Files of a data set of pictures → batches of labelled pictures. They are in records, in folders
// that are named by their classes, or in pairs of IDX files; select-pictures.ts has chosen which.
import { UserError } from '../../crds/failures/errors.ts';
import { idxImage, readIdxImages, readIdxLabels, requireIdxBytes } from '../data/images/idx.ts';
import { idxLabelsOf, isPictureFile } from '../data/images/picture-files.ts';
import { isRecordFile } from '../data/records.ts';
import { readBounded } from '../files/bounded-file.ts';
import { digestOfFiles } from '../remote/file-digests.ts';
import type { DataFile } from './build-store.ts';
import { inPictureBatches } from './picture-batches.ts';
import { type ReadBatches, readBatches } from './read-batches.ts';
import type { Batch, BatchItem } from './tokenise-batch.ts';

/** A file whose lines are counted, for messages. */
export type CountedFile = Pick<DataFile, 'path' | 'sha256'>;

export interface ReadPictures extends ReadBatches {
  readonly files: readonly CountedFile[];
}

export async function readPictures(
  files: readonly DataFile[],
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<ReadPictures> {
  if (files.some(({ path }) => isRecordFile(path))) {
    return await ofRecords(files, 'ImageClassification', onBytes, signal);
  }
  const pairs = pairsOf(files);
  if (pairs.length > 0) {
    const shape = { name: 'IDX', keys: ['images', 'labels'] };
    return { shape, batches: ofPairs(pairs, onBytes), files: pairs.map(({ images }) => images) };
  }
  const pictures = files.filter(({ path }) => isPictureFile(path));
  return {
    shape: { name: 'folders of classes', keys: ['image', 'label'] },
    batches: ofFolders(pictures, onBytes),
    files: [{ path: '', sha256: digestOfFiles(pictures).replace('sha256:', '') }],
  };
}

/** Sounds, which records name or have in them. */
export async function readSounds(
  files: readonly DataFile[],
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<ReadPictures> {
  return await ofRecords(files, 'Audio', onBytes, signal);
}

/** Files of records, which name others or have them in them. */
async function ofRecords(
  files: readonly DataFile[],
  format: 'ImageClassification' | 'Audio',
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<ReadPictures> {
  const records = files.filter(({ path }) => isRecordFile(path));
  const named = new Map(files.map((file) => [file.path, file]));
  const rules = { files: records, format, hasTemplate: false } as const;
  const read = await readBatches({ ...rules, onBytes, named }, signal);
  return { ...read, files: records };
}

/** Pictures that are to be restored. */
export function readTargets(
  pictures: readonly DataFile[],
  onBytes: (count: number) => void,
): ReadPictures {
  const items = pictures.map(({ path, absolute }, index) => {
    const target = { type: 'File', path, absolute } as const;
    return { line: index + 1, sample: { type: 'ImagePair', target } as const };
  });
  return {
    shape: { name: 'pictures to restore', keys: ['target'] },
    batches: counted(pictures, items, onBytes),
    files: [{ path: '', sha256: digestOfFiles(pictures).replace('sha256:', '') }],
  };
}

const noFolder =
  'lies in no folder of a class; the source is the folder that has the folders of all classes';

async function* ofFolders(
  pictures: readonly DataFile[],
  onBytes: (count: number) => void,
): AsyncGenerator<Batch> {
  const items = pictures.map(({ path, absolute }, index) => {
    const [line, label] = [index + 1, path.split('/').at(-2)];
    if (label === undefined) return { line, problem: `${path} ${noFolder}` };
    const picture = { type: 'File', path, absolute } as const;
    return { line, sample: { type: 'ImageClassification', picture, label } as const };
  });
  yield* counted(pictures, items, onBytes);
}

/** A picture for each file, whose place is its line. */
async function* counted(
  pictures: readonly DataFile[],
  items: Iterable<BatchItem>,
  onBytes: (count: number) => void,
): AsyncGenerator<Batch> {
  for (const batch of inPictureBatches(items, 0)) {
    for (const { line } of batch.items) onBytes(pictures[line - 1]?.bytes ?? 0);
    yield batch;
  }
}

interface IdxPair {
  readonly images: DataFile;
  readonly labels: DataFile;
}

function pairsOf(files: readonly DataFile[]): readonly IdxPair[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files.flatMap((images) => {
    const labels = idxLabelsOf(images.path)?.flatMap((path) => byPath.get(path) ?? [])[0];
    return labels === undefined ? [] : [{ images, labels }];
  });
}

async function* ofPairs(
  pairs: readonly IdxPair[],
  onBytes: (count: number) => void,
): AsyncGenerator<Batch> {
  for (const [file, { images: ofImages, labels: ofLabels }] of pairs.entries()) {
    const images = readIdxImages(await bytesOf(ofImages), ofImages.path);
    const labels = readIdxLabels(await bytesOf(ofLabels), ofLabels.path);
    if (images.count !== labels.length) throw otherCount(ofLabels, labels.length, images.count);
    onBytes(ofLabels.bytes);
    const samples = Array.from(labels, (label, index) => ({ line: index + 1, label }));
    const placed = function* () {
      for (const { line, label } of samples) {
        const { pixels, ...size } = idxImage(images, line - 1);
        // A view, such as a slice of a Buffer, would take all pictures along to another thread.
        const image = { ...size, pixels: new Uint8Array(pixels) };
        const picture = { type: 'Pixels', image } as const;
        yield { line, sample: { type: 'ImageClassification', picture, label } as const };
      }
    };
    for (const batch of inPictureBatches(placed(), file)) {
      onBytes((ofImages.bytes * batch.items.length) / Math.max(1, labels.length));
      yield batch;
    }
  }
}

async function bytesOf({ absolute, bytes, path }: DataFile): Promise<Uint8Array> {
  requireIdxBytes(bytes, path);
  return (await readBounded(absolute, bytes)) ?? new Uint8Array();
}

function otherCount({ path }: DataFile, labels: number, pictures: number): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path,
    message: `${path} has ${labels} labels for ${pictures} pictures; each needs one`,
    hint: 'name the two files of one part of the data',
  });
}
