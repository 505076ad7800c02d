// A picture with its class → one document: as many tokens as its model makes of it, all with the id
// 0, and the picture beside them as the store keeps it.
import { realpathSync } from 'node:fs';
import { sep } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { RefusedBytes } from '../../crds/text/json.ts';
import { classOf } from '../data/class-labels.ts';
import { decodeImage } from '../data/images/decode.ts';
import { type Image, imageLimits } from '../data/images/image.ts';
import type { Preprocessing, Size } from '../data/images/preprocessing.ts';
import { packPicture } from '../data/images/stored-picture.ts';
import type { PictureSample, PictureSource } from '../data/sample.ts';
import { readBoundedSync } from '../files/bounded-file.ts';
import { isErrno } from '../files/errno.ts';
import { UnusableRecord } from '../files/unusable-record.ts';

export interface PictureRules {
  /** Names of the classes. */
  readonly labels: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Of the pictures that the model reads, and the tokens of one. */
  readonly size: Size;
  readonly tokens: number;
  /** The folder that no file of a picture lies outside of, links followed. */
  readonly boundary: string;
}

export interface PictureDocument {
  readonly ids: readonly number[];
  readonly marks: Uint8Array;
  readonly class: number;
  readonly packed: Uint8Array;
}

/** The encoder throws UnusableRecord for a picture that cannot be read or has no class. */
export function pictureEncoder(rules: PictureRules): (sample: PictureSample) => PictureDocument {
  const { labels, preprocessing, size, tokens } = rules;
  const boundary = realpathSync(rules.boundary);
  const ids = new Array<number>(tokens).fill(0);
  const marks = new Uint8Array(tokens);
  return ({ picture, label }) => {
    const name = picture.type === 'File' ? `${picture.path} ` : '';
    const place = named(name, () => classOf(label, labels));
    const packed = named(name || 'has a picture that ', () =>
      packPicture(imageOf(picture, boundary), preprocessing, size),
    );
    return { ids, marks, class: place, packed };
  };
}

/** Reasons complete "FILE …": a picture that is a file of its own says which. */
export function named<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UnusableRecord)) throw error;
    throw new UnusableRecord(`${name}${error.message}`, { cause: error });
  }
}

export function imageOf(picture: PictureSource, boundary: string): Image {
  switch (picture.type) {
    case 'Pixels':
      return picture.image;
    case 'Bytes':
      return decodeImage(picture.bytes);
    case 'File':
      return decodeImage(bytesOf(picture.absolute, boundary, imageLimits.bytes));
    case 'Named':
      throw new Bug('a picture that was not looked up among the files of the data set');
    default:
      return picture satisfies never;
  }
}

/** Of a file of the data set; what a link names may be anything that this user can read. */
export function bytesOf(path: string, boundary: string, most: number): Uint8Array {
  try {
    const real = realpathSync(path);
    if (!real.startsWith(`${boundary}${sep}`)) {
      throw new UnusableRecord('is a link that leads out of the data set · put a copy there');
    }
    return readBoundedSync(real, most);
  } catch (error) {
    if (error instanceof RefusedBytes) throw new UnusableRecord(error.message, { cause: error });
    if (!isErrno(error, 'ENOENT', 'EACCES', 'ELOOP', 'EPERM', 'ENXIO')) throw error;
    throw new UnusableRecord('cannot be read by this user, or is no longer there', {
      cause: error,
    });
  }
}
