// What `anneal sample` asks of the process that holds the model: `sample.json`, in a folder that
// both share until the pictures are made.
import * as z from 'zod';
import { model } from '../api/model.ts';
import { composition } from '../serve/compositions.ts';
import { servedName } from '../serve/served-name.ts';
import { deviceName } from '../wire/device.ts';

export const sampleFile = 'sample.json';

/** Steps that one part is asked alone, in `switch`. */
export const defaultSteps = 5;

/** Of denoising; `span` is null for the turns of the paper, in `dominant`. */
export const pictureComposition = composition.extend({ span: composition.shape.span.nullable() });
export type PictureComposition = z.output<typeof pictureComposition>;

/** What is made of each model. */
export const pictureSettings = z.object({
  count: z.int().min(1).max(100_000),
  /** Numbers of classes, which pictures have in turn; none for all of the model. */
  classes: z.array(z.int().min(0)),
  /** Of denoising. */
  steps: z.int().min(1),
  /** How far from a picture of any class, towards one of its own; 1 for that of its class alone. */
  guidance: z.number().min(-100).max(100),
  seed: z.int().min(0),
  /** Whether `dominant` keeps what deep blocks add. */
  caches: z.boolean(),
});
export type PictureSettings = z.output<typeof pictureSettings>;

export const sampleSettings = z.object({
  version: z.literal(1),
  /** Of the base. */
  name: servedName,
  model,
  /** Folder that relative local paths count from. */
  folder: z.string(),
  cache: z.string(),
  device: deviceName,
  threads: z.int().min(1),
  adapters: z.array(z.object({ name: servedName, folder: z.string() })),
  compositions: z.array(pictureComposition),
  /** Whether adapters that do not name the base that they were trained on are used. */
  anyBase: z.boolean(),
  pictures: pictureSettings,
  /** Folder of the pictures, which is empty or not there yet. */
  to: z.string(),
});
export type SampleSettings = z.output<typeof sampleSettings>;
