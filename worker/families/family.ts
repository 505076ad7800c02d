// What a family of models is to everything that reads, shards, trains and saves models without
// knowing what they compute: a record of the configuration, and the tensors that follow from it.
// What a model of it computes is its network (engine/network.ts), apart from this file because
// processes without tensors read models too.
import type { ModelFacts } from '../../crds/plan/model-facts.ts';

/**
 * Where a tensor is used: the number of a block, or a name for what lies outside the blocks
 * (`embedding`, `head`). The tensors of one place are gathered, trained and saved together.
 */
export type Place = number | string;

/**
 * Of tensors of an adapter that layers of several blocks share. They are complete while any block
 * is, and their gradients are added up over all blocks.
 */
export const sharedPlace = 'shared';

/** The places of a model. */
export interface Places {
  /**
   * In the order of computation. Blocks with nothing between them are a stage; what precedes a
   * stage is its inlet, and what follows the last one the outlet.
   */
  readonly order: readonly Place[];
  /** Of the first stage. */
  readonly inlet: Place;
  readonly outlet: Place;
  /** The outlet computes with tensors of the last stage's inlet: the head is the embedding. */
  readonly isTied: boolean;
}

/** The inlets of the stages, in order. */
export function inletsOf({ order, outlet }: Pick<Places, 'order' | 'outlet'>): readonly Place[] {
  return order.filter((place) => typeof place !== 'number' && place !== outlet);
}

/** The number of the stage that a block or an inlet is of. */
export function stageOf(places: Pick<Places, 'order' | 'outlet'>, place: Place): number {
  const until = places.order.slice(0, places.order.indexOf(place) + 1);
  return inletsOf({ ...places, order: until }).length - 1;
}

export interface TensorSpec {
  /**
   * Of its module in transformers, mostly as in its files (`namesInFiles`); a module path is a name
   * without `.weight`.
   */
  readonly name: string;
  readonly place: Place;
  /**
   * A linear layer may get an adapter and be quantized, if it is in a block; so may a convolution,
   * which is one on patches. A vector is one of other values, such as slopes, and a choice weighs
   * parts of a network that is searched.
   */
  readonly kind: 'linear' | 'conv' | 'table' | 'norm' | 'bias' | 'vector' | 'choice';
  /** In files; a convolution's `[out, in, kernel, kernel]` is a matrix in memory. */
  readonly shape: readonly number[];
  /** The fields of `config.json` that give the shape. */
  readonly from: string;
  /**
   * Files may have more rows, of which the first are taken: multimodal embeddings include tokens
   * that are not text.
   */
  readonly isPartOfTable: boolean;
  /** It never trains. @default it may */
  readonly isFixed?: boolean;
  /** How it is made where the files lack it. @default the files must have it */
  readonly made?: MadeValues;
}

export interface MadeValues {
  /**
   * When it trains whole beside an adapter: a layer that gives the classes always does, as in PEFT,
   * and another layer of a head where nothing was trained before. Those of a body never do: they
   * are made where a model has no files with tensors at all.
   */
  readonly besideAdapter: 'Always' | 'IfMade' | 'Never';
  /** Of the normal distribution around 0 that its values are drawn from; 0 where all are alike. */
  readonly std: number;
  /** What all values are, where they are alike. @default 0 */
  readonly value?: number;
}

/** In memory: a convolution is a matrix on patches, `[out, in * kernel * kernel]`. */
export function shapeInMemory({ kind, shape }: Pick<TensorSpec, 'kind' | 'shape'>) {
  const [out = 1, ...inputs] = shape;
  return kind === 'conv' ? [out, inputs.reduce((all, size) => all * size, 1)] : shape;
}

/** Values of all of them. */
export function valuesOf(tensors: readonly Pick<TensorSpec, 'shape'>[]): number {
  return tensors.reduce((sum, { shape }) => sum + shape.reduce((all, size) => all * size, 1), 0);
}

/** Whether it trains whole beside an adapter. `isMade`: the files lack it. */
export function trainsWhole({ made }: Pick<TensorSpec, 'made'>, isMade: boolean): boolean {
  if (made === undefined || made.besideAdapter === 'Never') return false;
  return isMade || made.besideAdapter === 'Always';
}

/** Whether it is made where files have the other tensors of the model. */
export function isOfHead({ made }: Pick<TensorSpec, 'made'>): boolean {
  return made !== undefined && made.besideAdapter !== 'Never';
}

/**
 * What the records of all families have, 0 for what a family has none of; the rest of a record is
 * the family's own.
 *
 * Legend: V vocabulary rows · H hidden size · L blocks · NH query heads · NK key/value heads · D
 * head size · I MLP size
 */
export interface ModelConfig {
  readonly kind: FamilyKind;
  /** One of the names of its family. */
  readonly family: string;
  readonly V: number;
  readonly H: number;
  readonly L: number;
  readonly NH: number;
  readonly NK: number;
  /** NH * D may differ from H. */
  readonly D: number;
  readonly I: number;
  /** Of the products of queries and keys. */
  readonly attentionScale: number;
  /** Longest sequence the model was pretrained for. */
  readonly contextLength: number;
  /** Largest share of values that its authors dropped while they trained it; none is here. */
  readonly dropout?: number;
}

export interface ReadOptions {
  /** Name of the file in messages. @default 'config.json' */
  readonly path?: string;
  /** Accept a file with dropout, which training here leaves out. @default false */
  readonly ignoreDropout?: boolean;
  /** All tensors are made; files with tensors are not read. @default false */
  readonly fromScratch?: boolean;
  /** What stands for rounding in a network that is searched. @default Noise */
  readonly surrogate?: 'Noise' | 'Rounding';
  /** Classes that the head of a classifier tells apart. @default as many as the file says */
  readonly labels?: number;
  /** It is to be the trunk of a tracker. @default where the file says so, with sizes of its own */
  readonly tracking?: TrackingSizes;
}

/** Pixels along the sides of the square pictures that a tracker reads. */
export interface TrackingSizes {
  /** With the object in its middle. */
  readonly template: number;
  /** In which the object is looked for. */
  readonly search: number;
}

/** A tensor that files may hold beside the one that the model uses in its place. */
interface TiedTensor {
  readonly name: string;
  readonly to: string;
}

/** The rows of the tables of families. */
export type FamilyKind =
  | 'decoder'
  | 'encoder'
  | 'vision'
  | 'diffusion'
  | 'restoration'
  | 'speech'
  | 'imageText'
  | 'tracking';

export interface Family<Config extends ModelConfig = ModelConfig> {
  readonly kind: FamilyKind;
  /** What its records have as `family`. */
  readonly names: readonly Config['family'][];
  /** Values of `model_type` that it reads. */
  readonly modelTypes: readonly string[];
  /** The record of a parsed `config.json`. */
  read(json: unknown, options: ReadOptions): Config;
  /** Every tensor of the model, in the order of computation. */
  tensors(config: Config): readonly TensorSpec[];
  tied(config: Config): TiedTensor | null;
  /** The worker's name of a tensor in a file; null for one that training does not use. */
  canonical(nameInFile: string, config: Config): string | null;
  /**
   * The names of a tensor in files that other programs read: one, or several where files repeat it,
   * which must then be the same.
   */
  namesInFiles(name: string, config: Config): readonly string[];
  /**
   * What has a target: tokens and whole documents, at their first token, have a label and so get
   * logits; pixels have the values of another picture, and patches the box of an object.
   */
  readonly targets: 'Tokens' | 'Documents' | 'Pixels' | 'Patches';
  /** Of PEFT, and of the hub. @default they have none */
  readonly taskType?: string;
  readonly pipelineTag?: string;
  /** Fields of `config.json` of results that say what the model is. @default those of the base */
  inConfig?(config: Config): Readonly<Record<string, unknown>>;
  /** Fields of `config.json` that name the class of transformers with a head for classes. */
  classifier?(config: Config): Readonly<Record<string, unknown>>;
  /** What plans depend on. `made`: names of the tensors that the files lack. */
  facts(config: Config, made: readonly string[]): ModelFacts;
}
