// Which files of a data set make a clip, by their names: frames in a folder, or in a folder `img`
// below it, beside a text with a box for each, as GOT-10k, OTB and LaSOT have them.
import { isPictureFile } from '../images/picture-files.ts';

const boxFiles = /^(?:(.*)\/)?groundtruth(?:_rect)?\.txt$/;

interface ClipFiles<File> {
  /** Path of its folder. */
  readonly name: string;
  readonly boxes: File;
  /** In the order of their names, whose numbers count as such. */
  readonly frames: readonly File[];
}

/** In the order of their names; a folder without frames is a clip without any. */
export function clipsIn<File extends { readonly path: string }>(
  files: readonly File[],
): readonly ClipFiles<File>[] {
  const frames = Map.groupBy(
    files.filter(({ path }) => isPictureFile(path)),
    ({ path }) => folderOf(path),
  );
  const clips = files.flatMap((boxes) => {
    const found = boxFiles.exec(boxes.path);
    if (found === null) return [];
    const name = found[1] ?? '';
    const own = frames.get(name) ?? frames.get(name === '' ? 'img' : `${name}/img`) ?? [];
    return [{ name, boxes, frames: own.toSorted((a, b) => inOrder(a.path, b.path)) }];
  });
  return clips.toSorted((a, b) => inOrder(a.name, b.name));
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

const inOrder = new Intl.Collator('en', { numeric: true }).compare;
