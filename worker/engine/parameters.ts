// All tensors of a model by name, as in Hugging Face files, adapters included. A parameter is
// frozen or trained for the whole run; which of the trained ones are active in a step is the
// selection's choice.
import { Bug } from '../../crds/failures/errors.ts';
import { type Place, sharedPlace } from '../families/family.ts';
import { type Coding, decoded } from '../methods/weights/coding.ts';
import { keep, scope } from '../tensor/scope.ts';
import { moveStorage, resizeStorage, type Tensor } from '../tensor/tensor.ts';

/**
 * Trained tensors change, and are saved and published; chosen ones too, which are places and have
 * no gradient of their own. Kept ones are fixed, and are read from what the adapter began with;
 * frozen ones from the files of the model.
 */
export type Role = 'trained' | 'chosen' | 'kept' | 'frozen';

/** Ends what the updates of a layer's choices are counted as. */
export const ofChoices = ':choices';

/** Whether it chooses among parts of a network that is searched. */
export function isChoice({ counted }: Pick<Parameter, 'counted'>): boolean {
  return counted?.endsWith(ofChoices) === true;
}

/** What updates of its optimizer state are counted as. */
export function countedAs({ counted, layer }: Pick<Parameter, 'counted' | 'layer'>): string {
  return counted ?? String(layer);
}

export interface Parameter {
  readonly name: string;
  /** Where it is used, or that several blocks do. */
  readonly layer: Place;
  /** The tensor of the forward, or its quantized values or codes. */
  readonly value: Tensor;
  /** Shape of the decoded value: `[out, in]` for a matrix, however it is stored. */
  readonly shape: readonly number[];
  /** How `value` is decoded, where it is quantized values or codes. */
  readonly coded?: Coding;
  readonly role: Role;
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor: number;
  /** Whether weight decay applies: matrices yes, norms and biases no. */
  readonly decayed: boolean;
  /** What its updates are counted as, where that is not its layer. */
  readonly counted?: string;
  /** Of a tensor of an adapter: its suffix. */
  readonly suffix?: string;
  /** Of values at places of a matrix `[out, in]`: its shape. */
  readonly within?: readonly [number, number];
  /** Of places: the weight whose gradient some steps compute at them. */
  readonly gradientOf?: string;
}

/**
 * Tensors that are made of others when their layer is computed. They stay, so that a tape finds
 * them again; their storage exists only meanwhile.
 */
class Made implements Disposable {
  readonly #byName = new Map<string, Tensor>();

  get(name: string): Tensor | undefined {
    return this.#byName.get(name);
  }

  make(name: string, compute: () => Tensor): void {
    scope(() => {
      const fresh = compute();
      const kept = this.#byName.get(name);
      if (kept === undefined) this.#byName.set(name, keep(fresh));
      else moveStorage(kept, fresh);
    });
  }

  release(name: string): void {
    const kept = this.#byName.get(name);
    if (kept !== undefined) resizeStorage(kept, 0);
  }

  [Symbol.dispose](): void {
    for (const kept of this.#byName.values()) kept.dispose();
    this.#byName.clear();
  }
}

interface Change {
  readonly name: string;
  readonly layer: Parameter['layer'];
  readonly changed: () => Tensor;
}

/** The parameters of a model; owns their tensors. */
export class Parameters implements Disposable {
  readonly #byName = new Map<string, Parameter>();
  readonly #decoded = new Made();
  readonly #decodedLayers = new Set<Parameter['layer']>();
  readonly #changes = new Map<string, Change>();
  readonly #changed = new Made();
  readonly #changedLayers = new Set<Parameter['layer']>();

  add(parameter: Parameter): void {
    if (this.#byName.has(parameter.name)) throw new Bug(`${parameter.name} was added twice`);
    this.#byName.set(parameter.name, parameter);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (parameter === undefined) throw new Bug(`the model has no tensor ${name}`);
    return parameter;
  }

  /**
   * The value that the forward computes with. A quantized one is decoded in the caller's scope,
   * unless its layer is decoded already.
   */
  value(name: string): Tensor {
    const { value, coded, layer } = this.get(name);
    if (coded === undefined) return value;
    const kept = this.#decodedLayers.has(layer) ? this.#decoded.get(name) : undefined;
    return kept ?? decoded(value, coded);
  }

  /** Decodes the quantized values of a layer for all their uses until `releaseDecoded`. */
  decodeLayer(layer: Parameter['layer']): void {
    for (const { name, value, coded } of this.#codedAt(layer)) {
      this.#decoded.make(name, () => decoded(value, coded));
    }
    this.#decodedLayers.add(layer);
  }

  /** Frees the storage of the decoded values; a tape may read them after the next `decodeLayer`. */
  releaseDecoded(layer: Parameter['layer']): void {
    this.#decodedLayers.delete(layer);
    for (const { name } of this.#codedAt(layer)) this.#decoded.release(name);
  }

  /** Says what products read in place of a frozen matrix; `changed` makes it of its layer. */
  change(name: string, changed: () => Tensor): void {
    const { layer } = this.get(name);
    this.#changes.set(name, { name, layer, changed });
  }

  /** Has products read the matrix itself again. */
  unchange(name: string): void {
    this.#changes.delete(name);
  }

  /** Makes the changed matrices of a layer for all their uses until `releaseChanged`. */
  changeLayer(layer: Parameter['layer']): void {
    for (const { name, changed } of this.#changesAt(layer)) this.#changed.make(name, changed);
    this.#changedLayers.add(layer);
  }

  /** Frees their storage, as `releaseDecoded`. */
  releaseChanged(layer: Parameter['layer']): void {
    this.#changedLayers.delete(layer);
    for (const { name } of this.#changesAt(layer)) this.#changed.release(name);
  }

  /** What products read in place of a matrix now; null where they read the matrix. */
  changed(name: string): Tensor | null {
    const { layer } = this.get(name);
    if (!this.#changes.has(name) || !this.#changedLayers.has(layer)) return null;
    return this.#changed.get(name) ?? null;
  }

  all(): readonly Parameter[] {
    return [...this.#byName.values()];
  }

  trained(): readonly Parameter[] {
    return this.all().filter(({ role }) => role === 'trained');
  }

  /** Trained tensors of one block, or of the embedding or head. */
  trainedAt(layer: Parameter['layer']): readonly Parameter[] {
    return this.trained().filter((parameter) => parameter.layer === layer);
  }

  [Symbol.dispose](): void {
    for (const { value, coded } of this.#byName.values()) {
      for (const each of [value, ...Object.values(coded?.parts ?? {})]) each.dispose();
    }
    this.#byName.clear();
    this.disposeMade();
  }

  /**
   * Disposes what is not a part of a layer: the stored tensors of layers may belong to another
   * owner.
   */
  disposeOutsideLayers(): void {
    for (const { layer, role, value } of this.#byName.values()) {
      if (layer === sharedPlace && role === 'kept') value.dispose();
    }
    this.disposeMade();
  }

  /** Disposes what was decoded and changed alone. */
  disposeMade(): void {
    this.#decoded[Symbol.dispose]();
    this.#decodedLayers.clear();
    this.#changed[Symbol.dispose]();
    this.#changedLayers.clear();
  }

  #changesAt(layer: Parameter['layer']): readonly Change[] {
    return [...this.#changes.values()].filter((one) => one.layer === layer);
  }

  #codedAt(layer: Parameter['layer']) {
    return this.all().flatMap(({ name, value, coded, layer: own }) =>
      own === layer && coded !== undefined ? [{ name, value, coded }] : [],
    );
  }
}
