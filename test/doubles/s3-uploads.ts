// Uploads in parts, with the refusals of the real service: parts that are too small or out of
// order, other tags than were handed out, and, where the upload was begun with a checksum, parts
// and lists of parts without one.
import { createHash, randomUUID } from 'node:crypto';

interface Upload {
  readonly key: string;
  readonly hasSums: boolean;
  readonly parts: Map<number, { readonly body: Buffer; readonly sum: string | undefined }>;
}

type Refusal =
  | 'NoSuchUpload'
  | 'InvalidRequest'
  | 'InvalidPart'
  | 'InvalidPartOrder'
  | 'EntityTooSmall';

const leastPartBytes = 5 << 20;

export class S3Uploads {
  readonly #open = new Map<string, Upload>();

  /** Keys of uploads that were neither completed nor removed. */
  get left(): readonly string[] {
    return [...this.#open.values()].map(({ key }) => key);
  }

  leftBelow(prefix: string): readonly { readonly id: string; readonly key: string }[] {
    return [...this.#open].flatMap(([id, { key }]) => (key.startsWith(prefix) ? { id, key } : []));
  }

  create(key: string, hasSums = false): string {
    const id = randomUUID();
    this.#open.set(id, { key, hasSums, parts: new Map() });
    return id;
  }

  addPart(
    id: string,
    part: { readonly number: number; readonly body: Buffer; readonly sum: string | undefined },
  ): Refusal | undefined {
    const upload = this.#open.get(id);
    if (upload === undefined) return 'NoSuchUpload';
    if (upload.hasSums && part.sum === undefined) return 'InvalidRequest';
    upload.parts.set(part.number, { body: part.body, sum: part.sum });
    return undefined;
  }

  /** The parts that the list names, in its order. */
  complete(id: string, list: string): readonly Buffer[] | Refusal {
    const upload = this.#open.get(id);
    if (upload === undefined) return 'NoSuchUpload';
    const named = [...list.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(tagged(part, 'PartNumber')),
      etag: tagged(part, 'ETag').replaceAll('&quot;', '"'),
      sum: tagged(part, 'ChecksumSHA256'),
    }));
    const bodies: Buffer[] = [];
    for (const [i, { number, etag, sum }] of named.entries()) {
      const part = upload.parts.get(number);
      if (part === undefined || etag !== etagOf(part.body)) return 'InvalidPart';
      if (upload.hasSums && sum !== part.sum) return 'InvalidRequest';
      if (number <= (named[i - 1]?.number ?? 0)) return 'InvalidPartOrder';
      if (i < named.length - 1 && part.body.length < leastPartBytes) return 'EntityTooSmall';
      bodies.push(part.body);
    }
    this.#open.delete(id);
    return bodies;
  }

  remove(id: string): void {
    this.#open.delete(id);
  }
}

export function hash(algorithm: 'md5' | 'sha256', bytes: Uint8Array): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

export function etagOf(bytes: Uint8Array): string {
  return `"${hash('md5', bytes).toString('hex')}"`;
}

function tagged(text: string, tag: string): string {
  return new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(text)?.[1] ?? '';
}
