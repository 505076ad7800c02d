// Whether what a client sent may be used: each refusal is one sentence, and names what is wrong.
import type { SafetensorsHeader } from '../files/safetensors-header.ts';

/** What the hub knows of a submission before it uses it. */
export interface Submitted {
  readonly client: string;
  readonly round: number;
  /** Which attempt of the client it is: an earlier one lost its claim. */
  readonly epoch: number;
  /** Of the weights that it trained beside. */
  readonly base: string;
  /** Of the state that it began with. */
  readonly state: string;
  /** SHA-256 that the client named, and that of the bytes that are there. */
  readonly digest: string;
  readonly found: string | null;
  /** Why these bytes are no file of tensors; absent where they are one. */
  readonly unreadable?: string;
  readonly samples: number;
  /** By name; of damaged bytes none. */
  readonly tensors: ReadonlyMap<string, SubmittedTensor>;
  /** Frobenius norm of what the client changed. */
  readonly norm: number;
}

interface SubmittedTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly finite: boolean;
}

/** `areFinite`: whether the values of a tensor are, where they are read. */
export function tensorsOf(
  { tensors }: SafetensorsHeader,
  areFinite: (name: string) => boolean,
): Submitted['tensors'] {
  return new Map(
    [...tensors].map(([name, { shape, type }]) => [
      name,
      { shape, dtype: type === 'F32' ? 'float32' : type, finite: areFinite(name) },
    ]),
  );
}

export interface Expected {
  readonly round: number;
  /** Of the client's claim. */
  readonly epoch: number;
  readonly base: string;
  readonly state: string;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly maxNorm: number | undefined;
}

/** Why it is refused; null where it is not. */
export function refusalOf(sent: Submitted, expected: Expected): string | null {
  return fromElsewhere(sent, expected) ?? damaged(sent) ?? wrongValues(sent, expected);
}

function fromElsewhere(sent: Submitted, expected: Expected): string | null {
  if (sent.round !== expected.round) {
    return `it is of round ${sent.round}, and round ${expected.round} is open; late submissions are never mixed into another round`;
  }
  if (sent.epoch !== expected.epoch) {
    return `it is of attempt ${sent.epoch} of the client, and attempt ${expected.epoch} holds the claim`;
  }
  if (sent.base !== expected.base) {
    return `it was trained beside the base ${short(sent.base)}; that of the federation is ${short(expected.base)}`;
  }
  if (sent.state !== expected.state) {
    return `it began with the state ${short(sent.state)}; the round began with ${short(expected.state)}`;
  }
  return null;
}

function damaged({ digest, found, unreadable, samples }: Submitted): string | null {
  if (found === null) return `its object ${short(digest)} is missing`;
  if (found !== digest) {
    return `its object has the SHA-256 ${short(found)} and is named ${short(digest)}: it is damaged`;
  }
  if (unreadable !== undefined) return `its object is no file of tensors: ${unreadable}`;
  if (samples < 1) return `it counts ${samples} records; it must count at least one`;
  return null;
}

function wrongValues({ tensors, norm }: Submitted, { shapes, maxNorm }: Expected): string | null {
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (tensor === undefined) return `it has no tensor ${name}`;
    if (String(tensor.shape) !== String(shape)) {
      return `${name} is [${tensor.shape}]; it must be [${shape}]`;
    }
    if (tensor.dtype !== 'float32') return `${name} is ${tensor.dtype}; it must be float32`;
    if (!tensor.finite) return `${name} has a value that is not finite`;
  }
  const other = [...tensors.keys()].find((name) => !shapes.has(name));
  if (other !== undefined) return `it has a tensor ${other}, which is not trained here`;
  if (maxNorm !== undefined && norm > maxNorm) {
    return `its change has the norm ${norm.toPrecision(4)}; maxNorm is ${maxNorm}`;
  }
  return null;
}

function short(digest: string): string {
  return digest.slice(0, 12);
}
