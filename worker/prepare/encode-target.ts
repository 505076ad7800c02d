// A picture that is to be restored → one document: as many tokens as a part of it has pixels for
// the network, all with the id 0, and the whole picture beside them.
import { realpathSync } from 'node:fs';
import { packTarget } from '../data/images/stored-target.ts';
import type { TargetSample } from '../data/sample.ts';
import { imageOf, named, type PictureDocument } from './encode-picture.ts';

export interface TargetRules {
  /** Edge of a part, in pixels that the network sees. */
  readonly crop: number;
  /** How many times larger what it makes of them is. */
  readonly scale: number;
  /** The folder that no file of a picture lies outside of, links followed. */
  readonly boundary: string;
}

/** The encoder throws UnusableRecord for a picture that cannot be read, or is too small. */
export function targetEncoder(
  rules: TargetRules,
): (sample: TargetSample) => Omit<PictureDocument, 'class'> {
  const boundary = realpathSync(rules.boundary);
  const ids = new Array<number>(rules.crop ** 2).fill(0);
  const marks = new Uint8Array(ids.length);
  return ({ target }) => {
    const name = target.type === 'File' ? `${target.path} ` : 'has a picture that ';
    const edge = rules.crop * rules.scale;
    const packed = named(name, () => packTarget(imageOf(target, boundary), edge));
    return { ids, marks, packed };
  };
}
