// A clip → one document: as many tokens as the model makes of both pictures that are drawn of it,
// all with the id 0, and its frames and boxes beside them.
import { realpathSync } from 'node:fs';
import type { Preprocessing } from '../data/images/preprocessing.ts';
import type { ClipSample } from '../data/sample.ts';
import type { Box } from '../data/tracked/box.ts';
import { readBoxes } from '../data/tracked/box-lines.ts';
import { packClip } from '../data/tracked/stored-clip.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { bytesOf, imageOf, named, type PictureDocument } from './encode-picture.ts';

export interface ClipRules {
  /** Pixels along the sides of both pictures, and of a patch. */
  readonly template: number;
  readonly search: number;
  readonly patch: number;
  /** Of the values of both. */
  readonly preprocessing: Preprocessing;
  /** The folder that no file of a clip lies outside of, links followed. */
  readonly boundary: string;
}

/** Of a text of boxes. */
const mostBytes: number = 8 * 2 ** 20;

/** Fewer are no film of an object. */
const fewestFrames = 2;

/** The encoder throws UnusableRecord for a clip that cannot be read, or shows no object. */
export function clipEncoder(
  rules: ClipRules,
): (sample: ClipSample) => Omit<PictureDocument, 'class'> {
  const boundary = realpathSync(rules.boundary);
  const [template, search] = [rules.template, rules.search].map(
    (edge) => (edge / rules.patch) ** 2,
  ) as [number, number];
  const ids = new Array<number>(template + search).fill(0);
  const marks = new Uint8Array(ids.length).fill(1, template);
  return ({ name, boxes, frames }) => {
    const packed = named(`${name} `, () => {
      const text = Buffer.from(bytesOf(boxes.absolute, boundary, mostBytes)).toString('utf8');
      const all = readBoxes(text);
      if (all.length !== frames.length) {
        throw new UnusableRecord(
          `has ${frames.length} frames and ${all.length} boxes; each frame needs a line of ${boxes.path}`,
        );
      }
      const shown = all.flatMap((box, i) => {
        const frame = frames[i];
        return box === null || frame === undefined ? [] : [{ box, frame }];
      });
      if (shown.length < fewestFrames) {
        throw new UnusableRecord(`shows the object in ${shown.length} frames; two are needed`);
      }
      const pictures = function* () {
        for (const { frame } of shown) yield { name: frame.path, image: imageOf(frame, boundary) };
      };
      return packClip(
        shown.map(({ box }): Box => box),
        pictures(),
      );
    });
    return { ids, marks, packed };
  };
}
