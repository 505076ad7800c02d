// Which files of a source are pictures with their classes: records that name or contain them,
// folders of classes, or pairs of IDX files.
import { UserError } from '../../crds/failures/errors.ts';
import { idxLabelsOf, isOtherPicture, isPictureFile } from '../data/images/picture-files.ts';
import { isRecordFile } from '../data/records.ts';
import type { SourceFile, SourceListing } from '../remote/source-files.ts';
import { type DataChoice, isNoData, isOfSplit, matching, some } from './select-files.ts';

type ChosenPictures =
  /** Files of records; those of pictures are what they name. */
  | { readonly type: 'Records'; readonly records: readonly SourceFile[] }
  /** Pictures in folders, or IDX files. */
  | { readonly type: 'Files'; readonly files: readonly SourceFile[] };

export function selectPictures(listing: SourceListing, choice: DataChoice): ChosenPictures {
  const candidates = candidatesOf(listing, choice);
  const pictures = candidates.filter(({ path }) => isPictureFile(path));
  const idx = idxFiles(candidates);
  // Beside pictures a .json file says something about them, in a form of its own.
  const isRecords = ({ path }: SourceFile): boolean =>
    isRecordFile(path) &&
    !/\.txt(\.|$)/i.test(path) &&
    !isNoData(path) &&
    (pictures.length + idx.length === 0 || !/\.json(\.|$)/i.test(path));
  const records = candidates.filter(isRecords);
  if (records.length > 0) return { type: 'Records', records };
  if (idx.length > 0) return { type: 'Files', files: idx };
  const other = candidates.find(({ path }) => isOtherPicture(path));
  if (other !== undefined) throw otherFormat(listing, other);
  if (pictures.length > 0) return { type: 'Files', files: pictures };
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${listing.origin} has no .png or .jpg file, no records (.jsonl, .parquet) and no IDX files; it has ${some(candidates)}`,
    hint: 'put pictures into folders named by their classes, or name the files with files',
  });
}

/** The files that a source names, or all. */
export function candidatesOf(
  listing: SourceListing,
  { files, split }: DataChoice,
): readonly SourceFile[] {
  if (files !== undefined) return [...new Set(files.flatMap((each) => matching(listing, each)))];
  if (split === undefined) return listing.files;
  const found = listing.files.filter(({ path }) => isOfSplit(path, split));
  if (found.length > 0) return found;
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    path: 'split',
    message: `${listing.origin} has no file of split ${split}; it has ${some(listing.files)}`,
    hint: 'name the files with files',
  });
}

function idxFiles(candidates: readonly SourceFile[]): readonly SourceFile[] {
  const byPath = new Map(candidates.map((file) => [file.path, file]));
  return candidates.flatMap((images) => {
    const names = idxLabelsOf(images.path);
    if (names === undefined) return [];
    const labels = names.flatMap((name) => byPath.get(name) ?? [])[0];
    if (labels !== undefined) return [images, labels];
    throw new UserError({
      code: 'E_SOURCE_NOT_FOUND',
      message: `${images.path} has no labels beside it; they are in ${names.join(' or ')}`,
      hint: 'add the file, and name both where files are named',
    });
  });
}

function otherFormat({ origin }: SourceListing, { path }: SourceFile): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    message: `${origin} has ${path}; pictures are read as PNG and JPEG`,
    hint: 'convert it, or name the pictures to use with files, such as "**/*.png"',
  });
}
