// Files of a data set of clips → one batch for each clip.
import { clipsIn } from '../data/tracked/clip-files.ts';
import { digestOfFiles } from '../remote/file-digests.ts';
import type { DataFile } from './build-store.ts';
import { pictureCharacters } from './picture-batches.ts';
import type { ReadPictures } from './read-pictures.ts';
import type { Batch } from './tokenise-batch.ts';

export function readClips(
  files: readonly DataFile[],
  onBytes: (count: number) => void,
): ReadPictures {
  return {
    shape: { name: 'clips of an object', keys: ['frames', 'boxes'] },
    batches: batchesOf(files, onBytes),
    files: [{ path: '', sha256: digestOfFiles(files).replace('sha256:', '') }],
  };
}

async function* batchesOf(
  files: readonly DataFile[],
  onBytes: (count: number) => void,
): AsyncGenerator<Batch> {
  for (const [index, { name, boxes, frames }] of clipsIn(files).entries()) {
    const asFile = ({ path, absolute }: DataFile) => ({ type: 'File', path, absolute }) as const;
    const sample = {
      ...({ type: 'Video', name, boxes: asFile(boxes), frames: frames.map(asFile) } as const),
    };
    const items = [{ line: index + 1, sample }];
    yield { file: 0, items, characters: pictureCharacters * frames.length };
    onBytes([boxes, ...frames].reduce((sum, { bytes }) => sum + bytes, 0));
  }
}
