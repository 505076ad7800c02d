// Sizes and traits of a model that a plan depends on, by the kind of its blocks. The worker derives
// them from config.json, and `estimate` gets them from it. None of them needs weights.
//
// Legend: V vocabulary · H hidden size · L blocks · NH query heads · NK key/value heads · D head
// size · I MLP size
import * as z from 'zod';

const size = z.int().min(1);
const count = z.int().min(0);

const sizes = { V: size, H: size, L: size, NH: size, NK: size, D: size, I: size };

/** A decoder language model: a norm before each half of a block, and an MLP with a gate. */
export const decoderFacts = z.object({
  kind: z.literal('decoder'),
  ...sizes,
  tied: z.boolean(),
  /** One matrix for q, k, v and one for gate and up, as Phi-3 stores them. */
  fused: z.boolean(),
  bias: z.object({ qkv: z.boolean(), o: z.boolean(), mlp: z.boolean() }),
  qkNorm: z.boolean(),
  sandwichNorms: z.boolean(),
});

/** A text encoder that classifies: a norm behind each half of a block, and biases everywhere. */
const encoderFacts = z.object({
  kind: z.literal('encoder'),
  ...sizes,
  /** What the paths of blocks begin with: `bert.encoder.layer`. */
  blocks: z.string(),
  /** Values before the blocks: tables of words, positions and segments, and their norm. */
  inlet: count,
  classes: size,
  /** Values of the head that train whole beside any adapter. */
  whole: count,
});

/** A vision transformer: a norm before each half of a block, no gate. */
const patchFields = {
  ...sizes,
  /** What the paths of blocks begin with: `dinov2.encoder.layer`. */
  blocks: z.string(),
  qkvBias: z.boolean(),
  /** What each half of a block adds is multiplied by a vector. */
  layerScale: z.boolean(),
  /** Values of a patch of a picture. */
  patch: size,
  /** Tokens of a document: of a picture, or of both that a tracker reads. */
  tokens: size,
  /** Values before the blocks: patches, positions, types, and tokens of their own. */
  inlet: count,
  /** Values outside the blocks that train whole beside any adapter: a head, and what it needs. */
  whole: count,
} as const;

/** One that classifies. */
const visionFacts = z.object({
  kind: z.literal('vision'),
  ...patchFields,
  classes: size,
  /** Values that the head reads of a picture. */
  headInputs: size,
});

/** One that tracks an object. */
const trackingFacts = z.object({
  kind: z.literal('tracking'),
  ...patchFields,
  /** Tokens of a document that the heads read. */
  searched: size,
  /** Values that they find of each. */
  outputs: size,
});

/** A diffusion transformer: norms whose scale and shift a layer of each block makes. */
const diffusionFacts = z.object({
  kind: z.literal('diffusion'),
  ...sizes,
  /** Patches of a picture: its tokens. */
  patches: size,
  attentionBias: z.boolean(),
  /** Values before the blocks: patches, time step and classes. */
  inlet: count,
  /** Values that follow from a patch: its noise, and a variance where the model has one. */
  values: size,
});

/** A network that restores pictures: convolutions, and vectors beside them. */
const restorationFacts = z.object({
  kind: z.literal('restoration'),
  /** It has no vocabulary, no attention and no MLP: all but H and L are 0. */
  ...{ V: count, H: size, L: size, NH: count, NK: count, D: count, I: count },
  /** Edge of the kernel behind the blocks. */
  kernel: size,
  /** Of a block; `share`: the part of all blocks that has it. */
  convolutions: z.array(
    z.object({ path: z.string(), out: size, in: size, kernel: size, share: z.number() }),
  ),
  /** Values of biases, slopes and other vectors of a block of average size. */
  blockVectors: z.number(),
  /**
   * Where blocks are cells of a search: values of a token that a tape keeps, values that it keeps
   * beside them, and values of a token while a cell runs.
   */
  cell: z.object({ kept: z.number(), fixed: count, working: count }).nullable(),
  /** Values before the blocks. */
  inlet: count,
  /** Of the output in the place of one pixel of the input. */
  pixelValues: size,
});

/** Whisper: an encoder of sounds, and a decoder whose blocks read its states. */
const speechFacts = z.object({
  kind: z.literal('speech'),
  ...sizes,
  /** Blocks of the encoder; the decoder has the others. */
  encoderBlocks: size,
  /** Values of a frame of sound. */
  mels: size,
  /** Rows of the tables of positions, of encoder and decoder. */
  sourcePositions: size,
  targetPositions: size,
});

const tower = { H: size, L: size, NH: size, D: size, I: size, blocks: z.string() };

/** Two towers whose ends are compared; sizes outside of them are the larger ones of both. */
const imageTextFacts = z.object({
  kind: z.literal('imageText'),
  ...sizes,
  /** Paths of blocks begin with `blocks`: `text_model.encoder.layers`. */
  text: z.object({ ...tower, isBert: z.boolean() }),
  vision: z.object({ ...tower, isDino: z.boolean() }),
  /** Values of a text or a picture where both meet. */
  joint: size,
  /** Values of a patch of a picture, and tokens of one. */
  patch: size,
  tokens: size,
  /** Values before the blocks of both towers, and between them. */
  inlet: count,
  /** Behind them. */
  head: count,
  /** Values of projections that the files lack, which train whole beside any adapter. */
  whole: count,
});

export const modelFacts = z.discriminatedUnion('kind', [
  ...[decoderFacts, encoderFacts, visionFacts, diffusionFacts, restorationFacts, speechFacts],
  ...[imageTextFacts, trackingFacts],
] as const);

export type DecoderFacts = Readonly<z.output<typeof decoderFacts>>;
export type EncoderFacts = Readonly<z.output<typeof encoderFacts>>;
export type VisionFacts = Readonly<z.output<typeof visionFacts>>;
export type DiffusionFacts = Readonly<z.output<typeof diffusionFacts>>;
export type RestorationFacts = Readonly<z.output<typeof restorationFacts>>;
export type SpeechFacts = Readonly<z.output<typeof speechFacts>>;
export type ImageTextFacts = Readonly<z.output<typeof imageTextFacts>>;
export type TrackingFacts = Readonly<z.output<typeof trackingFacts>>;
/** Of a vision transformer. */
export type PatchFacts = VisionFacts | TrackingFacts;
export type ModelFacts =
  | DecoderFacts
  | EncoderFacts
  | VisionFacts
  | DiffusionFacts
  | RestorationFacts
  | SpeechFacts
  | ImageTextFacts
  | TrackingFacts;

export function areOfPatches(facts: ModelFacts): facts is PatchFacts {
  return facts.kind === 'vision' || facts.kind === 'tracking';
}
