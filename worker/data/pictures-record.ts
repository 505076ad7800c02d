// What a store says about the pictures or sounds of its documents.
import * as z from 'zod';
import { preprocessing } from './images/preprocessing.ts';

export const pictureFiles = {
  pictures: 'pictures-000.bin',
  offsets: 'picture-offsets.bin',
} as const;

const edge = z.int().min(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** SHA-256 of their files. */
const contents = z.strictObject({ pictures: sha256, offsets: sha256 });

const preprocessedRecord = z.strictObject({
  /** Of their values, from how they are stored. */
  preprocessing,
  /** Of each as values. */
  size: z.strictObject({ height: edge, width: edge }),
  contents,
});

/** Pictures that are to be restored. */
const targetsRecord = z.strictObject({
  /** Of the network: a part of a picture is as many times as large as what the network sees. */
  scale: edge,
  /** Edge of what the network sees, in pixels. */
  crop: edge,
  contents,
});

/** Sounds, as features. */
const soundsRecord = z.strictObject({
  /** Values of a frame. */
  mels: edge,
  /** Of each sound; those that follow it are silence. */
  frames: edge,
  contents,
});

/** Clips of objects. */
const clipsRecord = z.strictObject({
  /** Pixels along the sides of both pictures that are drawn of a clip, and of a patch. */
  template: edge,
  search: edge,
  patch: edge,
  /** Of their values, from bytes. */
  preprocessing,
  contents,
});

const kinds = [preprocessedRecord, targetsRecord, soundsRecord, clipsRecord] as const;
export const picturesRecord = z.union(kinds);
export type PreprocessedRecord = z.output<typeof preprocessedRecord>;
export type TargetsRecord = z.output<typeof targetsRecord>;
export type ClipsRecord = z.output<typeof clipsRecord>;
export type SoundsRecord = z.output<typeof soundsRecord>;
